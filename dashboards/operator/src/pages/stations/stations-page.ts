/** What holds at each station: calibration, thresholds, and the region that counts. */
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { api, need } from "../../api/client";
import type { Inspection, Schemas } from "../../api/client";
import { session } from "../../api/session";
import { formatRoute } from "../../app/route-data";
import type { Route } from "../../app/route-data";
import { WorkingPage } from "../../app/working-page";
import { locale, t } from "../../i18n/locale";
import { plant } from "../../live/plant";
import { pageLayout, shared, sheet } from "../../styles/shared";
import "./consequence";
import "./drawing";
import { draftOf, isWrong, numberOf, scaleOf, updateOf } from "./station-data";
import type { Draft, Point, Rule, Station } from "./station-data";

type Mode = "line" | "board" | "region";
/** Parts on which the consequence of other rules is shown. */
const RECENT = 100;
/** Per cent by which the squares of a board may differ before one scale holds no longer everywhere. */
const MOST_SPREAD = 2.5;

@customElement("ussop-stations-page")
export class StationsPage extends WorkingPage {
  @property({ attribute: false }) route!: Route;
  @state() private station: Station | null = null;
  @state() private recent: readonly Inspection[] = [];
  @state() private draft: Draft | null = null;
  @state() private mode: Mode = "line";
  @state() private line: readonly Point[] = [];
  @state() private lengthMm = "";
  @state() private board = { columns: "9", rows: "6", squareMm: "5" };
  @state() private found: Schemas["CalibrationOut"] | null = null;
  private opened = "";
  private readonly redrawNow = () => this.requestUpdate();

  static override styles = [
    shared,
    pageLayout,
    sheet,
    css`
      .board {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(7rem, 1fr));
        gap: 0.75rem;
      }
      table {
        table-layout: fixed;
        min-width: 27rem;
      }
      thead th:first-child {
        width: 26%;
      }
      tbody th {
        overflow-wrap: anywhere;
      }
      td wa-input {
        width: 100%;
      }
      td wa-input::part(base) {
        padding-inline: 0.5rem;
      }
      .tabs button {
        flex: 1 1 auto;
        padding-inline: 0.5rem;
      }
      .tabs[role="group"] {
        flex-wrap: wrap;
      }
      td,
      th {
        padding-inline: 0.25rem;
      }
      .take {
        align-items: end;
      }
      .take wa-input {
        flex: 1 1 8rem;
      }
      .columns {
        grid-template-columns: repeat(auto-fit, minmax(min(27rem, 100%), 1fr));
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    plant.addEventListener("change", this.redrawNow);
  }

  override disconnectedCallback(): void {
    plant.removeEventListener("change", this.redrawNow);
    super.disconnectedCallback();
  }

  override willUpdate(): void {
    const wanted = this.route.rest[0] ?? plant.stations[0]?.id ?? "";
    if (wanted === this.opened || wanted === "") return;
    this.opened = wanted;
    void this.act(() => this.load(wanted));
  }

  private async load(id: string): Promise<void> {
    const params = { path: { station_id: id } };
    const [station, page, queue] = await Promise.all([
      need(api.GET("/api/v1/stations/{station_id}", { params })),
      need(api.GET("/api/v1/inspections", { params: { query: { station_id: id, limit: RECENT } } })),
      need(api.GET("/api/v1/active-learning/queue", { params: { query: { limit: 1 } } })),
    ]);
    this.recent = page.inspections;
    const known = Object.keys(this.last?.thresholds ?? {});
    [this.station, this.draft, this.line] = [station, draftOf(station, known.length > 0 ? known : queue.class_names), []];
    this.found = null;
  }

  private get last(): Inspection | null {
    return this.recent.find((part) => !part.picture_deleted_at) ?? this.recent[0] ?? null;
  }

  override render() {
    const { station, draft } = this;
    return html`
      <header class="page"><h1>${t("stations.title")}</h1>
        <nav class="tabs" aria-label=${t("live.station")}>
          ${plant.stations.map((one) => html`<a href=${formatRoute("stations", [one.id])} data-page="stations" aria-current=${one.id === this.opened ? "page" : nothing}>${one.name}</a>`)}
        </nav></header>
      ${this.notes()}
      ${station && draft ? html`<div class="columns">${this.picture(draft)} ${this.form(station, draft)}</div>` : plant.isLoaded && plant.stations.length === 0 ? html`<p>${t("stations.none")}</p>` : nothing}
    `;
  }

  private picture(draft: Draft) {
    const set = (event: CustomEvent<readonly Point[]>) => {
      if (this.mode === "line") this.line = event.detail;
      else if (this.mode === "region") this.draft = { ...draft, region: event.detail };
    };
    const scale = scaleOf(this.line, Number(this.lengthMm.replace(",", ".")));
    const button = (mode: Mode) => html`<button type="button" aria-pressed=${String(mode === this.mode)} @click=${() => (this.mode = mode)}>${t(`stations.mode_${mode}`)}</button>`;
    return html`<section class="card">
      <div class="tabs" role="group" aria-label=${t("stations.title")}>${button("line")} ${button("board")} ${button("region")}</div>
      ${this.last === null ? html`<p class="quiet">${t("live.empty")}</p>` : html`<ussop-drawing .inspection=${this.last} mode=${this.mode} .points=${this.points(draft)} @points=${set}></ussop-drawing>`}
      <p class="quiet small">${t(`stations.draw_${this.mode}`)}</p>
      ${this.mode === "board" ? this.boardForm(draft) : this.mode === "line"
        ? html`<div class="row take">
            <wa-input name="length" label=${t("stations.length")} inputmode="decimal" .value=${this.lengthMm} @input=${(event: Event) => (this.lengthMm = (event.target as HTMLInputElement).value)}></wa-input>
            <wa-button variant="brand" appearance="outlined" ?disabled=${scale === null} @click=${() => (this.draft = { ...draft, mmPerPx: String(scale) })}>
              <ussop-icon slot="start" name="ruler"></ussop-icon>${scale === null ? t("stations.take") : `${t("stations.take")}: ${locale.number(scale, 5)} mm/px`}</wa-button>
          </div>`
        : html`<wa-button appearance="outlined" ?disabled=${draft.region.length === 0} @click=${() => (this.draft = { ...draft, region: [] })}>${t("stations.clear")}</wa-button>`}
    </section>`;
  }

  private points(draft: Draft): readonly Point[] {
    if (this.mode === "board") return (this.found?.corners ?? []).map(([x = 0, y = 0]): Point => [x, y]);
    return this.mode === "line" ? this.line : draft.region;
  }

  private boardForm(draft: Draft) {
    const { found, board } = this;
    const field = (name: "columns" | "rows" | "squareMm") => html`<wa-input name=${name} label=${t(`stations.board_${name}`)} inputmode="decimal" .value=${board[name]}
      @input=${(event: Event) => (this.board = { ...board, [name]: (event.target as HTMLInputElement).value })}></wa-input>`;
    return html`<div class="board">${field("columns")} ${field("rows")} ${field("squareMm")}</div>
      <div class="row">
        ${session.can("engineer") ? html`<wa-button appearance="outlined" ?disabled=${this.last === null} ?loading=${this.isBusy} @click=${this.findBoard}>${t("stations.board_find")}</wa-button>` : nothing}
        ${found === null ? nothing : html`<wa-button variant="brand" appearance="outlined" @click=${() => (this.draft = { ...draft, mmPerPx: String(Number(found.mm_per_px.toPrecision(6))) })}>
          <ussop-icon slot="start" name="ruler"></ussop-icon>${t("stations.take")}: ${locale.number(found.mm_per_px, 5)} mm/px</wa-button>`}
      </div>
      ${found !== null && found.spread_percent > MOST_SPREAD ? html`<p class="note problem">${t("stations.board_askew", { spread: locale.number(found.spread_percent, 1) })}</p>` : nothing}`;
  }

  private findBoard(): void {
    const { last, station, board } = this;
    if (last === null || station === null) return;
    this.found = null;
    void this.act(async () => {
      const body = { inspection_id: last.id, columns: numberOf(board.columns) ?? 0, rows: numberOf(board.rows) ?? 0, square_mm: numberOf(board.squareMm) ?? 0 };
      this.found = await need(api.POST("/api/v1/stations/{station_id}/calibrate", { params: { path: { station_id: station.id } }, body }));
    });
  }

  private form(station: Station, draft: Draft) {
    const input = (change: (value: string) => Draft) => (event: Event) => (this.draft = change((event.target as HTMLInputElement).value));
    const rule = (index: number, change: Partial<Rule>): Draft => ({ ...draft, rules: draft.rules.map((one, place) => (place === index ? { ...one, ...change } : one)) });
    const cell = (one: Rule, index: number, key: "acceptBelow" | "rejectAbove" | "minAreaMm2" | "minAreaPx", name: string) => html`<td>
      <wa-input class="bare" size="s" inputmode="decimal" label="${one.className}: ${name}" .value=${one[key]} placeholder="–" @input=${input((value) => rule(index, { [key]: value }))}></wa-input></td>`;
    const isBad = draft.rules.some(isWrong);
    return html`<section class="card">
      <wa-input name="name" label=${t("stations.name")} maxlength="120" .value=${draft.name} @input=${input((name) => ({ ...draft, name }))}></wa-input>
      <wa-input name="scale" label=${t("stations.scale")} hint=${t("stations.scale_hint")} inputmode="decimal" .value=${draft.mmPerPx} @input=${input((mmPerPx) => ({ ...draft, mmPerPx }))}></wa-input>
      <h2>${t("history.thresholds")}</h2>
      <p class="quiet small">${t("stations.thresholds_hint")}</p>
      <div class="scroll" role="region" tabindex="0" aria-label=${t("history.thresholds")}><table>
        <thead><tr><th scope="col">${t("defects.class")}</th><th scope="col">${t("stations.accept")}</th><th scope="col">${t("stations.reject")}</th><th scope="col">${t("stations.area")}</th><th scope="col">${t("stations.area_px")}</th></tr></thead>
        <tbody>${draft.rules.map((one, index) => html`<tr><th scope="row">${one.className}</th>
          ${cell(one, index, "acceptBelow", t("stations.accept"))} ${cell(one, index, "rejectAbove", t("stations.reject"))} ${cell(one, index, "minAreaMm2", t("stations.area"))} ${cell(one, index, "minAreaPx", t("stations.area_px"))}</tr>`)}</tbody>
      </table></div>
      ${isBad ? html`<p class="note problem">${t("stations.wrong")}</p>` : html`<ussop-consequence .parts=${this.recent} .station=${station} .draft=${draft}></ussop-consequence>`}
      ${session.can("engineer")
        ? html`<wa-button variant="brand" size="l" data-save ?loading=${this.isBusy} ?disabled=${isBad} @click=${() => this.save(station.id, draft)}>${t("stations.save")}</wa-button>`
        : html`<p class="quiet small">${t("stations.read_only")}</p>`}
    </section>`;
  }

  private save(id: string, draft: Draft): void {
    void this.act(async () => {
      const params = { path: { station_id: id } };
      await need(api.PUT("/api/v1/stations/{station_id}", { params, body: updateOf(draft) }));
      await Promise.all([this.load(id), plant.loadStations()]);
    }, t("stations.saved"));
  }
}
