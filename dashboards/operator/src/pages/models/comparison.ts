/** A version against the one in use: what the gate measured, and the very pictures on which they differ. */
import { html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { api, need } from "../../api/client";
import type { Schemas } from "../../api/client";
import { UssopElement } from "../../app/element";
import { problemText } from "../../app/problem";
import { locale, t } from "../../i18n/locale";
import type { MessageKey } from "../../i18n/locale";
import "../../parts/icon";
import { gateSentence } from "../../parts/said-data";
import { pageLayout, shared, sheet } from "../../styles/shared";
import { bandOf, differencesOf, isWorse, rowsOf, tallyOf } from "./comparison-data";
import type { Comparison, Difference, GateReport, Row, Side } from "./comparison-data";
import { comparisonStyles } from "./comparison.styles";
import "./difference-card";

const SHOWN = 24;
type Shown = "all" | "worse" | "better";

@customElement("ussop-comparison")
export class ComparisonView extends UssopElement {
  /** The version that is looked at. */
  @property() version = "";
  /** What it is held against where the gate has not judged it. */
  @property() against = "";
  /** Changes with whatever makes a new look worthwhile. */
  @property() state = "";
  @state() private pair: Comparison | null = null;
  @state() private gate: Schemas["GateOut"] | null = null;
  @state() private problem = "";
  @state() private shown: Shown = "all";
  @state() private most = SHOWN;
  @state() private enlarged = "";

  static override styles = [shared, pageLayout, sheet, comparisonStyles];

  override willUpdate(changed: Map<string, unknown>): void {
    if (["version", "against", "state"].some((name) => changed.has(name))) void this.load();
  }

  private async load(): Promise<void> {
    const { version, against } = this;
    try {
      const gate = await need(api.GET("/api/v1/models/{version_id}/gate", { params: { path: { version_id: version } } }));
      const other = gate.report?.compared_with ?? against;
      const pair = other && other !== version ? await need(api.GET("/api/v1/models/compare", { params: { query: { a: other, b: version } } })) : null;
      if (version !== this.version) return;
      [this.gate, this.pair, this.problem] = [gate, pair, ""];
    } catch (error) {
      if (version === this.version) this.problem = problemText(error);
    }
  }

  override render() {
    if (this.problem) return html`<p class="note problem" role="alert">${this.problem}</p>`;
    if (this.gate === null) return html`<p class="row" role="status"><wa-spinner></wa-spinner>${t("app.loading")}</p>`;
    const report = this.gate.report ?? null;
    return html`
      ${report === null ? this.unjudged() : html`${this.judged(report)} ${this.pictures(report)}`}
      ${this.pair === null ? nothing : this.origins(this.pair, report !== null)} ${this.dialog()}
    `;
  }

  private unjudged() {
    return html`<section class="card verdict"><ussop-icon name="none"></ussop-icon>
      <div><h2>${t("compare.unjudged")}</h2><p class="quiet">${t("compare.unjudged_hint")}</p></div></section>`;
  }

  private judged(report: GateReport) {
    const { links } = this.gate ?? {};
    const facts = [
      t("compare.judged_on", { pictures: locale.number(report.test_set.pictures) }),
      locale.dateTime(report.judged_at),
      ...(report.compared_with === this.against || this.against === this.version ? [] : [t("compare.other_now", { version: this.against })]),
    ];
    const icon = { passed: "pass", blocked: "fail", overridden: "gavel" }[report.outcome];
    return html`
      <section class="card verdict ${report.outcome}"><ussop-icon name=${icon}></ussop-icon>
        <div>
          <h2>${t(`compare.${report.outcome}`)}</h2>
          ${report.reasons.length > 0 ? html`<ul class="reasons">${report.reasons.map((reason, at) => html`<li>${gateSentence(reason, report.reason_words[at])}</li>`)}</ul>` : nothing}
          ${report.remarks.map((remark, at) => html`<p class="small">${gateSentence(remark, report.remark_words[at])}</p>`)}
          ${this.gate?.override_reason ? html`<p><b>${this.gate.approved_by}</b>: ${this.gate.override_reason}</p>` : nothing}
          <p class="quiet small">${facts.join(" · ")}
            ${links?.prefect ? html`· <a href=${links.prefect} target="_blank" rel="noopener">${t("models.prefect")}</a>` : nothing}
            ${links?.mlflow ? html`· <a href=${links.mlflow} target="_blank" rel="noopener">${t("models.mlflow")}</a>` : nothing}</p>
        </div></section>
      <section class="card"><h2>${t("compare.figures")}</h2>
        <div class="scroll" role="region" tabindex="0" aria-label=${t("compare.figures")}><table class="pairs" role="table">
          <thead role="rowgroup"><tr role="row"><td role="cell"></td><th scope="col" role="columnheader">${t("models.version", { version: report.version })}</th>
            <th scope="col" role="columnheader">${t("models.version", { version: report.compared_with })}</th><th scope="col" role="columnheader">${t("compare.difference")}</th></tr></thead>
          <tbody role="rowgroup">${rowsOf(report).map((row) => this.row(row))}</tbody></table></div>
        <p class="quiet small">${t("compare.interval")}</p></section>`;
  }

  private row(row: Row) {
    const hint = `compare.${row.name}_hint` as MessageKey;
    return html`<tr role="row">
      <th scope="row" role="rowheader">${t(`compare.${row.name}`)}${row.className ? ` · ${row.className}` : nothing}${row.className ? nothing : html`<small class="quiet">${t(hint)}</small>`}</th>
      <td role="cell">${this.figure(row, "candidate")}</td><td role="cell">${this.figure(row, "deployed")}</td>
      <td role="cell"><span class="better ${row.better}">${this.difference(row)}<small>${t(`compare.${better(row.better)}`)}</small></span></td>
    </tr>`;
  }

  private figure(row: Row, side: "candidate" | "deployed") {
    const value = row[side];
    if (row.rates === null) return html`<b class="number">${row.name === "box_ap50" ? locale.number(value, 3) : `${locale.number(value, 1)} ms`}</b>`;
    const [rate, other] = [row.rates[side], row.rates[side === "candidate" ? "deployed" : "candidate"]];
    const band = bandOf(rate, other);
    const range = t("compare.range", { count: rate.count, of: rate.of, low: locale.percent(rate.low, 1), high: locale.percent(rate.high, 1) });
    return html`<b class="number">${locale.percent(value, 1)}</b>
      <span class="band" aria-hidden="true"><i .style=${`left: ${band.left}%; width: ${Math.max(1, band.width)}%`}></i><em .style=${`left: ${band.mark}%`}></em></span>
      <small class="quiet number">${range}</small>`;
  }

  private difference(row: Row): string {
    const by = row.candidate - row.deployed;
    const sign = by > 0 ? "+" : by < 0 ? "−" : "±";
    const size = Math.abs(by);
    if (row.name === "latency_p95_ms") return `${sign}${locale.number(size, 1)} ms`;
    return row.name === "box_ap50" ? `${sign}${locale.number(size, 3)}` : `${sign}${locale.number(size * 100, 1)} ${t("compare.points")}`;
  }

  private pictures(report: GateReport) {
    const all = differencesOf(report);
    const tally = tallyOf(all);
    const wanted = all.filter((one) => this.shown === "all" || (this.shown === "worse") === isWorse(one.effect));
    const button = (shown: Shown, count: number) => html`<button type="button" aria-pressed=${String(this.shown === shown)} @click=${() => ([this.shown, this.most] = [shown, SHOWN])}>${t(`compare.show_${shown}`)} (${locale.number(count)})</button>`;
    return html`<section class="differing" aria-label=${t("compare.pictures")}>
      <div class="row spread"><h2>${t("compare.pictures")}</h2>
        ${all.length > 0 ? html`<div class="tabs" role="group" aria-label=${t("compare.pictures")}>${button("all", all.length)} ${button("worse", tally.worse)} ${button("better", tally.better)}</div>` : nothing}</div>
      ${all.length === 0 ? html`<p class="card nothing"><ussop-icon name="pass"></ussop-icon>${t("compare.no_pictures")}</p>` : nothing}
      <div class="cards">${repeat(wanted.slice(0, this.most), (one: Difference) => one.number, (one: Difference) => html`<ussop-difference-card .difference=${one} version=${report.version} against=${report.compared_with}
        @enlarge=${(event: CustomEvent<string>) => (this.enlarged = event.detail)}></ussop-difference-card>`)}</div>
      ${wanted.length > this.most ? html`<wa-button appearance="outlined" @click=${() => (this.most += SHOWN)}>${t("compare.more_pictures", { count: wanted.length - this.most })}</wa-button>` : nothing}
    </section>`;
  }

  /** Thresholds, classes and descent; without a judgement also what each training measured. */
  private origins(pair: Comparison, isJudged: boolean) {
    const yes = (value: boolean | null) => (value === null ? "–" : value ? t("system.yes") : t("system.no"));
    const limits = (pairOf: readonly [number, number] | readonly number[] | null) => (pairOf === null ? "–" : `${locale.number(pairOf[0] ?? 0, 2)} – ${locale.number(pairOf[1] ?? 0, 2)}`);
    const value = (one: number | null) => (one === null ? "–" : locale.number(one, Math.abs(one) < 10 ? 3 : 0));
    const head = html`<thead><tr><td></td><th scope="col" class="number">${t("models.version", { version: pair.b.version })}</th><th scope="col" class="number">${t("models.version", { version: pair.a.version })}</th></tr></thead>`;
    return html`<div class="columns">
      ${!isJudged && pair.metrics.length > 0
        ? html`<section class="card"><h2>${t("compare.measured")}</h2><p class="quiet small">${t("compare.measured_hint")}</p><table>${head}<tbody>${pair.metrics.map(
            (one) => html`<tr><th scope="row">${one.name.replaceAll("_", " ")}</th><td class="number">${value(one.b)}</td><td class="number">${value(one.a)}</td></tr>`)}</tbody></table></section>`
        : nothing}
      ${pair.classes === null ? nothing : html`<section class="card"><h2>${t("history.thresholds")}</h2><table>${head}<tbody>${pair.classes.thresholds.map(
          (one) => html`<tr><th scope="row">${one.class_name}</th><td class="number">${limits(one.b)}</td><td class="number">${limits(one.a)}</td></tr>`)}</tbody></table></section>`}
      <section class="card"><h2>${t("compare.origin")}</h2><dl class="facts">
        <dt>${t("compare.descent")}</dt><dd>${t(`compare.descent_${pair.lineage.descent ?? "none"}`)}</dd>
        <dt>${t("compare.same_dataset")}</dt><dd>${yes(pair.lineage.same_dataset)}</dd>
        <dt>${t("compare.same_code")}</dt><dd>${yes(pair.lineage.same_git_commit)}</dd></dl></section>
    </div>`;
  }

  private dialog() {
    return html`<wa-dialog class="large" ?open=${this.enlarged !== ""} label=${t("compare.both_views", { version: this.version })}
      @wa-after-hide=${(event: Event) => event.target === event.currentTarget && (this.enlarged = "")}>
      ${this.enlarged ? html`<img src=${this.enlarged} alt=${t("compare.both_views", { version: this.version })} />` : nothing}
    </wa-dialog>`;
  }
}

const better = (side: Side): "better" | "worse" | "same" => (side === "candidate" ? "better" : side === "deployed" ? "worse" : "same");
