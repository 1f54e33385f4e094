/** Every inspection, newest first; one of them large, with the arrow keys to the next. */
import { html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { api, need } from "../../api/client";
import type { Decision, Inspection } from "../../api/client";
import { download } from "../../api/raw";
import { session } from "../../api/session";
import { UssopElement } from "../../app/element";
import { problemText } from "../../app/problem";
import { formatRoute } from "../../app/route-data";
import type { Route } from "../../app/route-data";
import { router } from "../../app/router";
import { locale, t } from "../../i18n/locale";
import type { MessageKey } from "../../i18n/locale";
import { plant } from "../../live/plant";
import "../../parts/icon";
import "../../parts/result";
import { stationSelect } from "../../parts/select-station";
import "../../parts/verdict";
import { emptiness, notes, pageLayout, shared, steps } from "../../styles/shared";
import { exportQueryOf } from "./filter-data";
import { historyPageStyles } from "./history-page.styles";
import { InspectionList } from "./inspection-list";
import { windowOf } from "./window-data";

const DECISIONS: readonly Decision[] = ["pass", "fail", "uncertain"];
const ROW_PX = 56;

@customElement("ussop-history-page")
export class HistoryPage extends UssopElement {
  @property({ attribute: false }) route!: Route;
  @state() private shown: Inspection | null = null;
  @state() private problem = "";
  @state() private masks = true;
  @state() private boxes = true;
  @state() private isWide = false;
  @state() private isAsking = false;
  @state() private reason = "";
  @state() private scrollPx = 0;
  @state() private viewPx = 600;
  private readonly list = new InspectionList();
  private opened = "";
  private readonly redrawNow = () => this.requestUpdate();
  private readonly onKey = (event: KeyboardEvent) => this.key(event);
  private readonly sizes = new ResizeObserver(() => this.measure());

  static override styles = [shared, pageLayout, notes, emptiness, steps, historyPageStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    this.list.addEventListener("change", this.redrawNow);
    plant.addEventListener("change", this.redrawNow);
    addEventListener("keydown", this.onKey);
    this.sizes.observe(this);
  }

  override disconnectedCallback(): void {
    this.list.removeEventListener("change", this.redrawNow);
    plant.removeEventListener("change", this.redrawNow);
    removeEventListener("keydown", this.onKey);
    this.sizes.disconnect();
    super.disconnectedCallback();
  }

  private get filter() {
    const { station = "", verdict = "", decision = "", from = "", to = "", class: className = "", part = "", model = "" } = this.route.query;
    const known = (word: string) => DECISIONS.find((one) => one === word) ?? ("" as const);
    return { stationId: station, verdict: known(verdict), decision: known(decision), from, to, className, part, model };
  }

  override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has("route")) return;
    const key = JSON.stringify(this.filter);
    if (key !== this.opened) {
      this.opened = key;
      this.scrollPx = 0;
      this.list.open(this.filter);
    }
    const id = this.route.rest[0];
    if (id === undefined) this.shown = null;
    else if (id !== this.shown?.id) void this.show(id);
  }

  override updated(): void {
    this.measure();
  }

  override render() {
    if (this.route.rest[0] !== undefined) return this.viewer();
    return html`
      <header class="page">
        <h1>${t("history.title")}</h1>
        <div class="row"><span class="quiet number">${this.list.isLoaded ? t("history.total", { total: locale.number(this.list.total) }) : nothing}</span>
          ${(["csv", "xlsx"] as const).map((kind) => html`<wa-button appearance="outlined" size="s" @click=${() => this.save(kind)}>
            <ussop-icon slot="start" name="download"></ussop-icon>${kind.toUpperCase()}</wa-button>`)}</div>
      </header>
      ${this.filters()}
      ${this.problem ? html`<p class="note problem" role="alert">${this.problem}</p>` : nothing}
      ${this.list.error ? html`<p class="note problem" role="alert">${problemText(this.list.error)}
        <wa-button size="s" appearance="outlined" @click=${() => this.list.open(this.filter)}>${t("app.retry")}</wa-button></p>` : nothing}
      ${this.table()}
    `;
  }

  private filters() {
    const { stationId, verdict, decision } = this.filter;
    const choose = (change: Record<string, string>) => router.go("history", [], { ...this.route.query, ...change });
    const chip = (value: Decision | "", word: string) =>
      html`<button type="button" class="chip" aria-pressed=${value === verdict ? "true" : "false"} @click=${() => choose({ verdict: value })}>
        ${value ? html`<ussop-icon name=${value}></ussop-icon>` : nothing}${word}
      </button>`;
    const field = (name: string, key: MessageKey, type = "text") =>
      html`<wa-input class="field" name=${name} type=${type as "text"} label=${t(key)} maxlength="128" .value=${this.route.query[name] ?? ""}
        @change=${(event: Event) => choose({ [name]: (event.target as HTMLInputElement).value.trim() })}></wa-input>`;
    const more = ["decision", "from", "to", "class", "part", "model"].filter((name) => this.route.query[name]).length;
    return html`<div class="filters">
      ${stationSelect(stationId, (station) => choose({ station }), t("history.all"))}
      <div class="chips" role="group" aria-label=${t("history.verdict")}>
        ${chip("", t("history.all"))} ${DECISIONS.map((one) => chip(one, t(`decision.${one}`)))}
        <button type="button" class="chip" aria-expanded=${String(this.isWide)} @click=${() => (this.isWide = !this.isWide)}>
          <ussop-icon name=${this.isWide ? "chevron-up" : "chevron-down"}></ussop-icon>${t("history.more")}${more ? ` (${more})` : ""}</button>
      </div>
    </div>
    ${this.isWide
      ? html`<div class="filters">${field("from", "history.from", "date")} ${field("to", "history.to", "date")}
          ${field("class", "defects.class")} ${field("part", "history.part_begins")} ${field("model", "history.model")}
          <wa-select class="field" label=${t("history.by_model")} value=${decision}
            @change=${(event: Event) => choose({ decision: (event.target as HTMLInputElement).value })}>
            <wa-option value="">${t("history.all")}</wa-option>
            ${DECISIONS.map((one) => html`<wa-option value=${one}>${t(`decision.${one}`)}</wa-option>`)}
          </wa-select></div>`
      : nothing}`;
  }

  /** A file of what the list shows. */
  private save(format: "csv" | "xlsx"): Promise<void> {
    return this.quietly(download(`/api/v1/export/csv?${exportQueryOf(this.filter, format)}`));
  }

  private async quietly(work: Promise<void>): Promise<void> {
    try {
      await work;
      this.problem = "";
    } catch (error) {
      this.problem = problemText(error);
    }
  }

  private table() {
    const { total } = this.list;
    if (this.list.isLoaded && total === 0) {
      return html`<div class="empty card"><ussop-icon name="empty"></ussop-icon><p>${t("history.none")}</p></div>`;
    }
    const { first, end, topPx, heightPx } = windowOf(total, ROW_PX, this.scrollPx, this.viewPx);
    this.list.need(first, end);
    const rows = Array.from({ length: Math.max(0, end - first) }, (_, index) => this.row(first + index));
    return html`<div class="table card" role="table" aria-label=${t("history.title")} aria-rowcount=${total}>
      <div class="head" role="row">
        ${["history.decision", "history.time", "history.station", "history.part", "history.defects", "history.confidence"].map(
          (key) => html`<span role="columnheader">${t(key as "history.time")}</span>`,
        )}
      </div>
      <div class="rows" role="rowgroup" @scroll=${this.onScroll}>
        <div class="all" role="presentation" .style=${`height: ${heightPx}px`}>
          <div class="seen" role="presentation" .style=${`transform: translateY(${topPx}px)`}>${rows}</div>
        </div>
      </div>
    </div>`;
  }

  private row(index: number) {
    const one = this.list.at(index);
    if (one === null) return html`<div class="row-line waiting" role="row" aria-rowindex=${index + 1}><span role="cell">…</span></div>`;
    const found = [...new Set(one.detections.map((detection) => detection.class_name))].join(", ");
    const address = formatRoute("history", [one.id], { ...this.route.query });
    return html`<a class="row-line" role="row" aria-rowindex=${index + 1} href=${address} data-page="history">
      <span role="cell"><ussop-verdict decision=${one.overruled_to ?? one.decision}></ussop-verdict>${one.overruled_to ? html` <ussop-icon name="gavel" title=${t("history.overruled")}></ussop-icon>` : nothing}</span>
      <span role="cell" class="number">${locale.rowTime(one.created_at)}</span>
      <span role="cell">${plant.nameOf(one.station_id)}</span>
      <span role="cell">${one.part_id ?? "–"}</span>
      <span role="cell">${found || "–"}</span>
      <span role="cell" class="number">${locale.percent(one.confidence)}</span>
    </a>`;
  }

  private viewer() {
    const tool = (icon: string, name: string, step: number) =>
      html`<button type="button" class="step" title=${name} aria-label=${name} ?disabled=${!this.canStep(step)}
        @click=${() => this.step(step)}><ussop-icon name=${icon}></ussop-icon></button>`;
    return html`
      <header class="page">
        <div class="row">
          <a class="step" href=${formatRoute("history", [], { ...this.route.query })} data-page="history"
            title=${t("history.title")} aria-label=${t("history.title")}><ussop-icon name="back"></ussop-icon></a>
          <h1>${this.shown?.part_id ?? t("nav.history")}</h1>
          ${this.shown ? html`<span class="quiet">${plant.nameOf(this.shown.station_id)} · ${t(`history.source_${this.shown.source}`)}</span>` : nothing}
        </div>
        <div class="row">
          ${this.shown ? this.acts(this.shown) : nothing}
          ${tool("chevron-left", t("history.previous"), -1)} ${tool("chevron-right", t("history.next"), 1)}
        </div>
      </header>
      ${this.problem ? html`<p class="note problem" role="alert">${this.problem}</p>` : nothing}
      ${this.shown ? html`<ussop-result .inspection=${this.shown} ?masks=${this.masks} ?boxes=${this.boxes}></ussop-result>` : nothing}
      <p class="quiet small keys">${t("history.keys")}</p>
      ${this.dialog()}
    `;
  }

  private acts(one: Inspection) {
    return html`
      <wa-button appearance="outlined" @click=${() => this.quietly(download(`/api/v1/export/report/${encodeURIComponent(one.id)}`))}>
        <ussop-icon slot="start" name="download"></ussop-icon>PDF</wa-button>
      ${session.can("operator")
        ? html`<wa-button appearance="outlined" data-overrule @click=${() => ([this.isAsking, this.reason] = [true, ""])}>
            <ussop-icon slot="start" name="gavel"></ussop-icon>${t("history.overrule")}</wa-button>`
        : nothing}
    `;
  }

  /** What a person may say instead of the verdict that holds. */
  private dialog() {
    const one = this.shown;
    const close = () => (this.isAsking = false);
    const now = one?.overruled_to ?? one?.decision;
    const button = (decision: "pass" | "fail") =>
      now === decision
        ? nothing
        : html`<wa-button slot="footer" variant=${decision === "pass" ? "success" : "danger"} ?disabled=${!this.reason.trim()}
            @click=${() => this.quietly(this.overrule(decision))}><ussop-icon slot="start" name=${decision}></ussop-icon>${t(`history.to_${decision}`)}</wa-button>`;
    return html`<wa-dialog ?open=${this.isAsking} label=${t("history.overrule")} @wa-hide=${(event: Event) => event.target === event.currentTarget && close()}>
      <p>${t("history.overrule_hint")}</p>
      <wa-input name="reason" label=${t("history.reason")} maxlength="500" .value=${this.reason}
        @input=${(event: Event) => (this.reason = (event.target as HTMLInputElement).value)}></wa-input>
      <wa-button slot="footer" appearance="outlined" @click=${close}>${t("app.cancel")}</wa-button>
      ${button("pass")} ${button("fail")}
    </wa-dialog>`;
  }

  private async overrule(decision: "pass" | "fail"): Promise<void> {
    if (this.shown === null) return;
    this.isAsking = false;
    const params = { path: { inspection_id: this.shown.id } };
    const body = { decision, reason: this.reason.trim(), annotations: [] };
    const { inspection } = await need(api.POST("/api/v1/inspect/{inspection_id}/overrule", { params, body }));
    this.list.put(inspection);
    if (this.shown?.id === inspection.id) this.shown = inspection;
  }

  private async show(id: string): Promise<void> {
    this.problem = "";
    const row = this.list.rowOf(id);
    if (row >= 0) {
      this.shown = this.list.at(row);
      this.list.need(Math.max(0, row - 1), Math.min(this.list.total, row + 2));
      return;
    }
    try {
      const path = { inspection_id: id };
      const found = await need(api.GET("/api/v1/inspect/{inspection_id}", { params: { path } }));
      if (this.route.rest[0] === id) this.shown = found;
    } catch (error) {
      this.problem = problemText(error);
    }
  }

  private canStep(step: number): boolean {
    const row = this.shown === null ? -1 : this.list.rowOf(this.shown.id);
    return row >= 0 && row + step >= 0 && row + step < this.list.total;
  }

  private step(step: number): void {
    if (this.shown === null || !this.canStep(step)) return;
    const next = this.list.at(this.list.rowOf(this.shown.id) + step);
    if (next !== null) router.go("history", [next.id], { ...this.route.query }, true);
  }

  private key(event: KeyboardEvent): void {
    const from = event.composedPath()[0];
    const isTyping = from instanceof HTMLInputElement || from instanceof HTMLTextAreaElement;
    if (this.route.rest[0] === undefined || isTyping || this.isAsking || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft") this.step(-1);
    else if (event.key === "ArrowRight") this.step(1);
    else if (event.key === "Escape") router.go("history", [], { ...this.route.query });
    else if (event.key.toLowerCase() === "m") this.masks = !this.masks;
    else if (event.key.toLowerCase() === "b") this.boxes = !this.boxes;
  }

  private get box(): HTMLElement | null {
    return this.renderRoot.querySelector<HTMLElement>(".rows");
  }

  private onScroll(event: Event): void {
    this.scrollPx = (event.currentTarget as HTMLElement).scrollTop;
  }

  private measure(): void {
    const box = this.box;
    if (box === null) return;
    if (box.clientHeight > 0) this.viewPx = box.clientHeight;
    // Coming back from the viewer: the list is where it was.
    if (Math.abs(box.scrollTop - this.scrollPx) > 1 && box.scrollTop === 0) box.scrollTop = this.scrollPx;
  }
}
