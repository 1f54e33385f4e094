/** Where the milliseconds of one inspection went. */
import { css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { UssopElement } from "../app/element";
import { locale, named } from "../i18n/locale";
import { bars, shared } from "../styles/shared";
import { stagesOf } from "./timings-data";

@customElement("ussop-timings")
export class Timings extends UssopElement {
  @property({ attribute: false }) timings: Readonly<Record<string, number>> = {};

  static override styles = [
    shared,
    bars,
    css`
      dl {
        display: grid;
        grid-template-columns: auto minmax(3rem, 1fr) auto;
        align-items: center;
        gap: 0.25rem 0.75rem;
        font-size: 0.875rem;
      }
      .bar span {
        min-width: 2px;
      }
      dd.number {
        text-align: right;
      }
    `,
  ];

  override render() {
    return html`<dl>
      ${stagesOf(this.timings).map(
        (stage) => html`<dt>${named("stage", stage.name)}</dt>
          <dd class="bar" aria-hidden="true"><span .style=${`width: ${stage.share * 100}%`}></span></dd>
          <dd class="number">${locale.number(stage.ms, 1)} ms</dd>`,
      )}
    </dl>`;
  }
}
