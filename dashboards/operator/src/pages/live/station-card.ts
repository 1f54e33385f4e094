/** One station among many on the wall. */
import { css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { UssopElement } from "../../app/element";
import { formatRoute } from "../../app/route-data";
import { locale, t } from "../../i18n/locale";
import { ageOf } from "../../live/line-data";
import type { Line } from "../../live/line-data";
import { plant } from "../../live/plant";
import { yieldAt } from "../../live/shift-data";
import "../../parts/picture";
import "../../parts/verdict";
import { shared } from "../../styles/shared";
import "./strip";

@customElement("ussop-station-card")
export class StationCard extends UssopElement {
  @property({ attribute: false }) line!: Line;
  @property({ attribute: false }) nowMs = 0;
  @property({ type: Boolean, reflect: true }) stale = false;

  static override styles = [
    shared,
    css`
      :host {
        display: block;
      }
      article {
        display: flex;
        flex-direction: column;
        overflow: hidden;
      }
      a.open {
        display: block;
        color: inherit;
        text-decoration: none;
      }
      .picture {
        position: relative;
        aspect-ratio: 16 / 10;
      }
      ussop-picture {
        position: absolute;
        inset: 0;
      }
      ussop-verdict {
        border-radius: 0;
        --verdict-size: 2.75rem;
      }
      .facts {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 0.125rem 1rem;
        padding: 0.75rem 1rem 0.5rem;
      }
      .facts > span {
        flex-basis: 100%;
      }
      ussop-strip {
        padding: 0 1rem 0.875rem;
      }
      :host([stale]) .picture {
        filter: grayscale(1);
        opacity: 0.6;
      }
    `,
  ];

  override render() {
    const { last, stationId, parts } = this.line;
    const age = ageOf(last.created_at, this.nowMs);
    const tally = yieldAt(plant.shift, stationId, this.nowMs);
    const counts = new Map<string, number>();
    for (const { class_name: name } of last.detections) counts.set(name, (counts.get(name) ?? 0) + 1);
    const found = [...counts].map(([name, count]) => (count > 1 ? `${count} × ${name}` : name)).join(", ");
    return html`<article class="card">
      <a class="open" href=${formatRoute("live", [stationId])} data-page="live">
        <ussop-verdict size="huge" decision=${last.decision} ?stale=${this.stale}></ussop-verdict>
        <div class="picture"><ussop-picture .inspection=${last}></ussop-picture></div>
        <div class="facts">
          <h2>${plant.nameOf(stationId)}</h2>
          <b class="number" title=${t("live.shift_yield")}><small class="quiet">${t("live.yield")}</small> ${tally === null || tally.total === 0 ? "–" : locale.percent(tally.passed / tally.total, 1)}</b>
          <span class="quiet small">${last.part_id ?? "–"} · ${t(`live.ago_${age.unit}`, { value: age.value })} · ${found || t("defects.none")}</span>
        </div>
      </a>
      <ussop-strip .parts=${parts}></ussop-strip>
    </article>`;
  }
}
