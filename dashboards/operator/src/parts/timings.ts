/** Where the milliseconds of one inspection went. */
import { css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { UssopElement } from "../app/element";
import { locale } from "../i18n/locale";
import { shared } from "../styles/shared";
import { stagesOf } from "./timings-data";

@customElement("ussop-timings")
export class Timings extends UssopElement {
  @property({ attribute: false }) timings: Readonly<Record<string, number>> = {};

  static override styles = [
    shared,
    css`
      dl {
        display: grid;
        grid-template-columns: auto minmax(3rem, 1fr) auto;
        align-items: center;
        gap: 0.25rem 0.75rem;
        font-size: 0.875rem;
      }
      .bar {
        height: 0.5rem;
        border-radius: 4px;
        background: var(--u-sunken);
        overflow: hidden;
      }
      .bar span {
        display: block;
        height: 100%;
        min-width: 2px;
        background: var(--u-accent);
      }
      dd.number {
        text-align: right;
      }
    `,
  ];

  override render() {
    return html`<dl>
      ${stagesOf(this.timings).map(
        (stage) => html`<dt>${stage.name}</dt>
          <dd class="bar" aria-hidden="true"><span .style=${`width: ${stage.share * 100}%`}></span></dd>
          <dd class="number">${locale.number(stage.ms, 1)} ms</dd>`,
      )}
    </dl>`;
  }
}
