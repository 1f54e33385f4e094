/** What the rules in the form would make of the last parts, before they are saved. */
import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Decision, Inspection } from "../../api/client";
import { UssopElement } from "../../app/element";
import { formatRoute } from "../../app/route-data";
import { locale, t } from "../../i18n/locale";
import "../../parts/icon";
import "../../parts/picture";
import "../../parts/verdict";
import { shared } from "../../styles/shared";
import { consequenceOf } from "./consequence-data";
import type { Draft, Station } from "./station-data";

const SHOWN = 6;
const DECISIONS: readonly Decision[] = ["pass", "uncertain", "fail"];

@customElement("ussop-consequence")
export class ConsequenceView extends UssopElement {
  @property({ attribute: false }) parts: readonly Inspection[] = [];
  @property({ attribute: false }) station!: Station;
  @property({ attribute: false }) draft!: Draft;

  static override styles = [
    shared,
    css`
      :host {
        display: grid;
        gap: 0.625rem;
        padding: 0.75rem 0.875rem;
        border-radius: 8px;
        background: var(--u-sunken);
      }
      .counts {
        display: flex;
        flex-wrap: wrap;
        gap: 0.5rem 1.25rem;
      }
      .counts b {
        font-size: 1.125rem;
      }
      ul {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr));
        gap: 0.625rem;
      }
      a {
        display: grid;
        gap: 0.25rem;
        color: inherit;
        font-size: 0.875rem;
        text-decoration: none;
      }
      ussop-picture {
        height: 6.5rem;
        min-height: 0;
        border-radius: 6px;
      }
      a span {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.25rem;
      }
    `,
  ];

  override render() {
    if (this.parts.length === 0) return html`<p class="quiet small">${t("consequence.no_parts")}</p>`;
    const found = consequenceOf(this.parts, this.station, this.draft);
    return html`
      <h3>${t("consequence.title", { of: locale.number(found.of) })}</h3>
      <div class="counts" role="status">${DECISIONS.map((one) => html`<span class="row">
        <ussop-verdict decision=${one}></ussop-verdict>
        <b class="number" data-after=${one}>${found.before[one] === found.after[one] ? found.after[one] : `${found.before[one]} → ${found.after[one]}`}</b></span>`)}</div>
      ${found.changed.length === 0 ? html`<p class="quiet small">${t("consequence.none")}</p>` : this.pictures(found.changed)}
      ${found.unseen.length > 0 ? html`<p class="small"><ussop-icon name="info"></ussop-icon> ${t("consequence.unseen", { classes: found.unseen.join(", ") })}</p>` : nothing}
    `;
  }

  private pictures(changed: ReturnType<typeof consequenceOf>["changed"]) {
    return html`<ul>${changed.slice(0, SHOWN).map(({ inspection, from, to }) => html`<li><a href=${formatRoute("history", [inspection.id])} data-page="history">
      <ussop-picture .inspection=${inspection}></ussop-picture>
      <span><ussop-icon name=${from}></ussop-icon>${t(`decision.${from}`)} → <ussop-icon name=${to}></ussop-icon><b>${t(`decision.${to}`)}</b></span></a></li>`)}</ul>
      ${changed.length > SHOWN ? html`<p class="quiet small">${t("compare.more_pictures", { count: changed.length - SHOWN })}</p>` : nothing}`;
  }
}
