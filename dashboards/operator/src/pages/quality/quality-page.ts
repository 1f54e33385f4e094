/** How good the line is: trend, control chart, what goes wrong and where, and what slips through. */
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { api, need } from "../../api/client";
import type { Inspection, Schemas } from "../../api/client";
import { UssopElement } from "../../app/element";
import { problemText } from "../../app/problem";
import type { Route } from "../../app/route-data";
import { router } from "../../app/router";
import { locale, t } from "../../i18n/locale";
import { plant } from "../../live/plant";
import "../../parts/chart";
import "../../parts/icon";
import { stationSelect } from "../../parts/select-station";
import { notes, pageLayout, shared, tables, tabs } from "../../styles/shared";
import { paretoOption, pChartOption, trendOption } from "./chart-options";
import "./heat-map";
import { paretoOf, violations } from "./quality-data";
import type { Statistics, Trends } from "./quality-data";

const RANGES = [8, 24, 72, 168] as const;
const LOOK_MS = 60_000; // the server counts anew about as often
const HEAT_PARTS = 500;
const AUDIT_DAYS = 30;

@customElement("ussop-quality-page")
export class QualityPage extends UssopElement {
  @property({ attribute: false }) route!: Route;
  @state() private statistics: Statistics | null = null;
  @state() private trends: Trends | null = null;
  @state() private audit: Schemas["AuditOut"] | null = null;
  @state() private failed: readonly Inspection[] = [];
  @state() private by: "count" | "area" = "count";
  @state() private problem = "";
  private timer = 0;
  private asked = "";
  private readonly redrawNow = () => this.requestUpdate();

  static override styles = [
    shared,
    pageLayout,
    notes,
    tabs,
    tables,
    css`
      .filters {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: 0.75rem 1rem;
      }
      .filters wa-select {
        width: 14rem;
      }
      .figures {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr));
        gap: 0.875rem;
        margin-bottom: 1rem;
      }
      .figures div {
        padding: 0.75rem 1rem;
      }
      .figures dt {
        font-size: 0.8125rem;
        color: var(--u-quiet);
      }
      .figures dd {
        font-size: 1.625rem;
        font-weight: 750;
        line-height: 1.2;
      }
      .figures dd small {
        display: block;
        font-size: 0.8125rem;
        font-weight: 500;
        color: var(--u-quiet);
      }
      .charts {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: 1rem;
      }
      .charts section {
        display: flex;
        flex-direction: column;
        min-width: 0;
        padding: 0.875rem 1rem;
      }
      ussop-chart {
        height: 17rem;
      }
      ussop-heat-map {
        flex: 1;
        min-height: 16rem;
      }
      .nothing {
        display: grid;
        place-content: center;
        flex: 1;
        min-height: 12rem;
        color: var(--u-quiet);
      }
      td {
        white-space: nowrap;
      }
      .bad {
        color: var(--u-fail);
        font-weight: 650;
      }
      @media (max-width: 1000px) {
        .charts {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    plant.addEventListener("change", this.redrawNow);
    this.timer = window.setInterval(() => void this.load(), LOOK_MS);
  }

  override disconnectedCallback(): void {
    plant.removeEventListener("change", this.redrawNow);
    clearInterval(this.timer);
    super.disconnectedCallback();
  }

  private get wanted() {
    const hours = RANGES.find((known) => String(known) === this.route.query["hours"]) ?? 24;
    return { hours, station: this.route.query["station"] ?? "" };
  }

  override willUpdate(): void {
    const key = JSON.stringify(this.wanted);
    if (key === this.asked) return;
    this.asked = key;
    void this.load();
  }

  override render() {
    return html`
      <header class="page"><h1>${t("quality.title")}</h1>${this.filters()}</header>
      ${this.problem ? html`<p class="note problem" role="alert">${this.problem}</p>` : nothing}
      ${this.statistics && this.trends ? html`${this.figures(this.statistics)}${this.charts(this.statistics, this.trends)}` : html`<p class="nothing">${t("app.loading")}</p>`}
    `;
  }

  private filters() {
    const { hours, station } = this.wanted;
    const go = (next: { hours?: number; station?: string }) => router.go("quality", [], { hours: String(next.hours ?? hours), station: next.station ?? station }, true);
    return html`<div class="filters">
      ${stationSelect(station, (id) => go({ station: id }), t("history.all"))}
      <div class="tabs" role="group" aria-label=${t("quality.range")}>
        ${RANGES.map((one) => html`<button type="button" aria-pressed=${String(one === hours)} @click=${() => go({ hours: one })}>${one < 168 ? t("quality.hours", { hours: one }) : t("quality.week")}</button>`)}
      </div>
    </div>`;
  }

  private figures(now: Statistics) {
    const figure = (name: string, value: string, more = "") => html`<div class="card"><dt>${name}</dt><dd class="number">${value}<small>${more}</small></dd></div>`;
    const estimate = this.audit?.estimate ?? null;
    return html`<dl class="figures">
      ${figure(t("live.inspected"), locale.number(now.total_inspections), `${locale.number(now.avg_inspection_time_ms)} ms ${t("quality.mean")}`)}
      ${figure(t("quality.fpy"), now.first_pass_yield === null ? "–" : locale.percent(now.first_pass_yield, 1), t("quality.first", { count: locale.number(now.first_inspections) }))}
      ${figure(t("live.pass_rate"), now.total_inspections ? locale.percent(now.pass_rate, 1) : "–")}
      ${figure(t("live.failed"), locale.number(now.failed), `${t("live.uncertain")}: ${locale.number(now.uncertain)}`)}
      ${figure(
        t("quality.escape"),
        estimate === null ? "–" : locale.percent(estimate.escape_rate, 2),
        estimate === null
          ? t("quality.escape_none", { labelled: this.audit?.labelled ?? 0, sampled: this.audit?.sampled ?? 0 })
          : t("quality.escape_range", { low: locale.percent(estimate.interval.low, 2), high: locale.percent(estimate.interval.high, 2), labelled: locale.number(estimate.labelled) }),
      )}
    </dl>`;
  }

  private charts(now: Statistics, trends: Trends) {
    const bars = paretoOf(now.defects, this.by);
    const broken = violations(trends.p_chart).filter((rule) => rule !== null).length;
    const isEmpty = now.total_inspections === 0;
    const chart = (option: object, label: string) => (isEmpty ? html`<p class="nothing">${t("quality.nothing")}</p>` : html`<ussop-chart .option=${option} label=${label}></ussop-chart>`);
    return html`<div class="charts">
      <section class="card"><h2>${t("quality.trend")}</h2>${chart(trendOption(trends), t("quality.trend"))}</section>
      <section class="card">
        <div class="row spread"><h2>${t("quality.p_chart")}</h2>
          <span class="small ${broken ? "bad" : "quiet"}">${broken ? html`<ussop-icon name="uncertain"></ussop-icon> ` : nothing}${t("quality.broken", { broken })}</span></div>
        ${chart(pChartOption(trends), `${t("quality.p_chart")}: ${t("quality.broken", { broken })}`)}
      </section>
      <section class="card">
        <div class="row spread"><h2>${t("quality.pareto")}</h2>
          <div class="tabs" role="group" aria-label=${t("quality.pareto")}>
            ${(["count", "area"] as const).map((one) => html`<button type="button" aria-pressed=${String(one === this.by)} @click=${() => (this.by = one)}>${t(`quality.${one}`)}</button>`)}
          </div></div>
        ${bars.length === 0 ? html`<p class="nothing">${t("defects.none")}</p>` : html`<ussop-chart .option=${paretoOption(bars, this.by === "area" ? "mm²" : "")} label=${t("quality.pareto")}></ussop-chart>`}
      </section>
      <section class="card">
        <h2>${t("quality.heat")}</h2>
        <p class="quiet small">${t("quality.heat_hint", { parts: this.failed.length })}</p>
        ${this.failed.length === 0 ? html`<p class="nothing">${t("defects.none")}</p>` : html`<ussop-heat-map .parts=${this.failed}></ussop-heat-map>`}
      </section>
      <section class="card">${this.table(t("quality.stations"), now.by_station.map((one) => ({ ...one, name: plant.nameOf(one.station_id) })))}</section>
      <section class="card">${this.table(t("quality.versions"), now.by_model_version.map((one) => ({ ...one, name: one.model_version })))}</section>
    </div>`;
  }

  private table(title: string, rows: readonly { name: string; total: number; failed: number; uncertain: number; pass_rate: number; first_pass_yield: number | null; avg_inspection_time_ms: number }[]) {
    const heads = [t("live.inspected"), t("quality.fpy"), t("live.pass_rate"), t("live.failed"), t("live.uncertain"), "ms"];
    return html`<h2>${title}</h2>
      <div class="scroll" role="region" tabindex="0" aria-label=${title}><table>
        <thead><tr><th scope="col"></th>${heads.map((head) => html`<th scope="col" class="number">${head}</th>`)}</tr></thead>
        <tbody>${rows.map(
          (row) => html`<tr><th scope="row">${row.name}</th><td class="number">${locale.number(row.total)}</td>
            <td class="number">${row.first_pass_yield === null ? "–" : locale.percent(row.first_pass_yield, 1)}</td>
            <td class="number">${locale.percent(row.pass_rate, 1)}</td><td class="number">${locale.number(row.failed)}</td>
            <td class="number">${locale.number(row.uncertain)}</td><td class="number">${locale.number(row.avg_inspection_time_ms)}</td></tr>`,
        )}</tbody>
      </table></div>`;
  }

  private async load(): Promise<void> {
    const { hours, station } = this.wanted;
    const asked = this.asked;
    const scope = station ? { station_id: station } : {};
    try {
      const [statistics, trends, audit, failed] = await Promise.all([
        need(api.GET("/api/v1/statistics", { params: { query: { hours, ...scope } } })),
        need(api.GET("/api/v1/trends", { params: { query: { hours, interval: "hour", ...scope } } })),
        need(api.GET("/api/v1/active-learning/audit", { params: { query: { days: AUDIT_DAYS, ...scope } } })),
        need(api.GET("/api/v1/inspections", { params: { query: { decision: "fail", limit: HEAT_PARTS, ...scope } } })),
      ]);
      if (asked !== this.asked) return; // another choice was made meanwhile
      const since = Date.now() - hours * 3_600_000;
      this.failed = failed.inspections.filter((one) => Date.parse(one.created_at) >= since);
      [this.statistics, this.trends, this.audit, this.problem] = [statistics, trends, audit, ""];
    } catch (error) {
      this.problem = problemText(error);
    }
  }
}
