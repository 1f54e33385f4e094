/** The last parts of a station as signs, newest first; each leads to its record. */
import { css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { UssopElement } from "../../app/element";
import { formatRoute } from "../../app/route-data";
import { locale, t } from "../../i18n/locale";
import type { Part } from "../../live/line-data";
import "../../parts/icon";
import { shared } from "../../styles/shared";

@customElement("ussop-strip")
export class Strip extends UssopElement {
  @property({ attribute: false }) parts: readonly Part[] = [];

  static override styles = [
    shared,
    css`
      :host {
        display: block;
        overflow: hidden;
      }
      ol {
        display: flex;
        flex-wrap: wrap;
        gap: 0.25rem;
        max-height: 2.375rem;
        overflow: hidden;
      }
      a {
        display: grid;
        place-content: center;
        width: 2.375rem;
        height: 2.375rem;
        border-radius: 7px;
        font-size: 1.0625rem;
        color: var(--u-none);
        background: var(--u-none-soft);
      }
      .pass {
        color: var(--u-pass);
        background: var(--u-pass-soft);
      }
      .fail {
        color: #fff;
        background: var(--u-fail-loud);
      }
      .uncertain {
        color: var(--u-uncertain);
        background: var(--u-uncertain-soft);
      }
      :focus-visible {
        outline-offset: -3px;
      }
    `,
  ];

  override render() {
    // Not `repeat`: it leaves a comment behind for each part that goes (lit/lit#5298), half a million in a shift.
    return html`<ol aria-label=${t("live.strip")}>
      ${this.parts.map((part) => {
        const name = `${t(`decision.${part.decision}`)} · ${part.partId ?? "–"} · ${locale.time(part.createdAt)}`;
        return html`<li>
          <a class=${part.decision} href=${formatRoute("history", [part.id])} data-page="history" title=${name}
            aria-label=${name}><ussop-icon name=${part.decision}></ussop-icon></a>
        </li>`;
      })}
    </ol>`;
  }
}
