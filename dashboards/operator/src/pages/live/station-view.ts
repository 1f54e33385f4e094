/** One station, large enough to be read from five metres. */
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { UssopElement } from "../../app/element";
import { locale, t } from "../../i18n/locale";
import { ageOf, cycleMs } from "../../live/line-data";
import type { Line } from "../../live/line-data";
import { plant } from "../../live/plant";
import { taktOf, yieldAt } from "../../live/shift-data";
import "../../parts/defects";
import "../../parts/picture";
import "../../parts/verdict";
import { shared } from "../../styles/shared";
import "./strip";

@customElement("ussop-station-view")
export class StationView extends UssopElement {
  @property({ attribute: false }) line!: Line;
  @property({ attribute: false }) nowMs = 0;
  @property({ type: Boolean, reflect: true }) stale = false;
  @state() private chosen = -1;

  static override styles = [
    shared,
    css`
      :host {
        flex: 1;
        display: grid;
        grid-template-columns: minmax(0, 1.55fr) minmax(20rem, 1fr);
        grid-template-rows: minmax(18rem, 1fr) auto;
        gap: 1rem;
        min-height: 26rem;
      }
      .picture {
        position: relative;
        min-height: 18rem;
        overflow: hidden;
      }
      ussop-picture {
        position: absolute;
        inset: 0;
      }
      .side {
        display: flex;
        flex-direction: column;
        gap: 1rem;
        min-width: 0;
        --verdict-size: 5.2vw;
      }
      ussop-verdict {
        --verdict-room: 0.3em;
      }
      dl {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 0.875rem 1rem;
        padding: 1rem 1.25rem;
      }
      dt {
        font-size: 0.8125rem;
        color: var(--u-quiet);
      }
      dd {
        font-size: 1.375rem;
        font-weight: 700;
        line-height: 1.25;
        overflow-wrap: anywhere;
      }
      dd small {
        display: block;
        font-size: 0.8125rem;
        font-weight: 500;
        color: var(--u-quiet);
      }
      dd.late,
      dd.late small {
        color: var(--u-fail);
      }
      dd.plain {
        font-size: 1rem;
        font-weight: 600;
      }
      .defects {
        flex: 1;
        padding: 0.875rem 1.25rem;
        overflow: auto;
        min-height: 7rem;
      }
      .defects h2 {
        margin-bottom: 0.375rem;
      }
      .last {
        grid-column: 1 / -1;
        padding: 0.75rem 1rem;
      }
      :host([stale]) .picture,
      :host([stale]) dl,
      :host([stale]) .defects {
        filter: grayscale(1);
        opacity: 0.6;
      }
      @media (max-width: 860px) {
        :host {
          display: flex;
          flex-direction: column;
        }
        .side {
          order: -1;
          --verdict-size: 13vw;
        }
        .picture {
          order: -2;
          min-height: 0;
          aspect-ratio: 4 / 3;
          flex: none;
        }
      }
    `,
  ];

  override render() {
    const { last } = this.line;
    const age = ageOf(last.created_at, this.nowMs);
    const figure = (name: string, value: unknown, kind = "number") =>
      html`<div><dt>${name}</dt><dd class=${kind}>${value}</dd></div>`;
    return html`
      <div class="picture card">
        <ussop-picture .inspection=${last} .chosen=${this.chosen} zoomable></ussop-picture>
      </div>
      <div class="side">
        <ussop-verdict size="huge" decision=${last.decision} ?stale=${this.stale} role="status"></ussop-verdict>
        <dl class="card">
          ${figure(t("live.confidence"), locale.percent(last.confidence, 0))}
          ${this.cycle()}
          ${figure(t("live.inspected_in"), `${locale.number(last.total_time_ms)} ms`)}
          ${this.shiftYield()}
          ${figure(t("live.part"), html`${last.part_id ?? "–"} <span class="quiet">· ${t(`live.ago_${age.unit}`, { value: age.value })}</span>`, "plain number")}
          ${figure(t("live.model"), `${last.model_name} ${last.model_version}`, "plain")}
        </dl>
        <section class="defects card">
          <h2>${t("live.defects")}</h2>
          <ussop-defects .detections=${last.detections} @choose=${this.onChoose}></ussop-defects>
        </section>
      </div>
      <section class="last card"><ussop-strip .parts=${this.line.parts}></ussop-strip></section>
    `;
  }

  private cycle() {
    const [cycle, takt] = [cycleMs(this.line), taktOf(plant.rules, this.line.stationId)];
    const isLate = cycle !== null && takt !== null && cycle > takt * 1_000;
    const seconds = (value: number) => `${locale.number(value, value < 1 ? 2 : 1)} s`;
    return html`<div><dt>${t("live.cycle")}</dt><dd class="number ${isLate ? "late" : ""}" data-cycle>
      ${isLate ? html`<ussop-icon name="clock"></ussop-icon>` : nothing} ${cycle === null ? "–" : seconds(cycle / 1_000)}
      ${takt === null ? nothing : html`<small>${t(isLate ? "live.above_takt" : "live.takt", { takt: seconds(takt) })}</small>`}</dd></div>`;
  }

  private shiftYield() {
    const tally = yieldAt(plant.shift, this.line.stationId, this.nowMs);
    const since = plant.shift === null ? "" : locale.hour(plant.shift.shift.started_at);
    return html`<div><dt>${t("live.shift_yield")}</dt><dd class="number" data-yield>
      ${tally === null || tally.total === 0 ? "–" : locale.percent(tally.passed / tally.total, 1)}
      ${tally === null ? nothing : html`<small>${t("live.shift_of", { total: locale.number(tally.total), since })}</small>`}</dd></div>`;
  }

  private onChoose(event: CustomEvent<number>): void {
    this.chosen = event.detail;
  }
}
