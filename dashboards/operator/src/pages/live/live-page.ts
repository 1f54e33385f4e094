/** The line now: one station large, or all of them as a wall. */
import { html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { UssopElement } from "../../app/element";
import type { Route } from "../../app/route-data";
import { formatRoute } from "../../app/route-data";
import { locale, t } from "../../i18n/locale";
import { plant } from "../../live/plant";
import type { Line } from "../../live/line-data";
import "../../parts/icon";
import { emptiness, pageLayout, shared, tabs } from "../../styles/shared";
import { livePageStyles } from "./live-page.styles";
import "./station-card";
import "./station-view";

const CLOCK_MS = 1_000;
const SHIFT_MS = 10_000;
const RULES_MS = 60_000;

@customElement("ussop-live-page")
export class LivePage extends UssopElement {
  @property({ attribute: false }) route!: Route;
  @state() private nowMs = Date.now();
  private timers: readonly number[] = [];
  private readonly onPlant = () => this.requestUpdate();

  static override styles = [shared, pageLayout, tabs, emptiness, livePageStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    plant.addEventListener("change", this.onPlant);
    const every = (ms: number, work: () => void) => window.setInterval(work, ms);
    // Without an answer the last one stays; the connection shows that nobody answers.
    const look = (loading: Promise<void>) => void loading.catch(() => undefined);
    look(plant.loadShift());
    look(plant.loadRules());
    this.timers = [
      every(CLOCK_MS, () => (this.nowMs = Date.now())),
      every(SHIFT_MS, () => look(plant.loadShift())),
      every(RULES_MS, () => look(plant.loadRules())),
    ];
  }

  override disconnectedCallback(): void {
    plant.removeEventListener("change", this.onPlant);
    this.timers.forEach((timer) => clearInterval(timer));
    super.disconnectedCallback();
  }

  override render() {
    const lines = [...plant.lines.values()].sort((a, b) => a.stationId.localeCompare(b.stationId));
    const isLost = !plant.feed.isTrusted && plant.feed.link.phase === "lost";
    const chosen = this.chosen(lines);
    return html`
      <header class="page">
        <h1>${chosen ? plant.nameOf(chosen.stationId) : t("live.title")}</h1>
        ${lines.length > 1 ? this.choice(lines, chosen) : nothing}
      </header>
      ${isLost
        ? html`<div class="lost" role="alert">
            <ussop-icon name="lost"></ussop-icon>
            <div><b>${t("live.lost")}</b><br /><span>${t("live.lost_hint")}</span></div>
          </div>`
        : nothing}
      ${chosen
        ? html`<ussop-station-view .line=${chosen} .nowMs=${this.nowMs} ?stale=${isLost}></ussop-station-view>`
        : this.wall(lines, isLost)}
      ${this.figures()}
    `;
  }

  /** The station of the address; without one, the only station there is. */
  private chosen(lines: readonly Line[]): Line | null {
    const wanted = this.route.rest[0];
    if (wanted !== undefined) return lines.find((line) => line.stationId === wanted) ?? null;
    return lines.length === 1 ? (lines[0] ?? null) : null;
  }

  private choice(lines: readonly Line[], chosen: Line | null) {
    const link = (address: string, isHere: boolean, content: unknown) =>
      html`<a href=${address} data-page="live" aria-current=${isHere ? "page" : nothing}>${content}</a>`;
    return html`<nav class="tabs" aria-label=${t("live.station")}>
      ${link("/live", chosen === null, html`<ussop-icon name="wall"></ussop-icon>${t("live.wall")}`)}
      ${lines.map((line) =>
        link(formatRoute("live", [line.stationId]), line === chosen, plant.nameOf(line.stationId)),
      )}
    </nav>`;
  }

  private wall(lines: readonly Line[], isLost: boolean) {
    if (lines.length === 0) {
      if (!plant.isLoaded) return html`<div class="empty"><wa-spinner></wa-spinner></div>`;
      return html`<div class="empty card">
        <ussop-icon name="empty"></ussop-icon>
        <h2>${t("live.empty")}</h2>
        <p class="quiet">${t("live.empty_hint")}</p>
      </div>`;
    }
    return html`<div class="wall">
      ${repeat(
        lines,
        (line) => line.stationId,
        (line) => html`<ussop-station-card .line=${line} .nowMs=${this.nowMs} ?stale=${isLost}></ussop-station-card>`,
      )}
    </div>`;
  }

  private figures() {
    const day = plant.figures;
    if (day === null || day.total_inspections === undefined || day.total_inspections === 0) return nothing;
    const figure = (name: string, value: string) => html`<div><dt>${name}</dt><dd class="number">${value}</dd></div>`;
    return html`<section class="day card" aria-label=${t("live.day")}>
      <h2>${t("live.day")}</h2>
      <dl>
        ${figure(t("live.inspected"), locale.number(day.total_inspections))}
        ${figure(t("live.pass_rate"), locale.percent(day.pass_rate, 1))}
        ${figure(t("live.failed"), locale.number(day.failed))}
        ${figure(t("live.uncertain"), locale.number(day.uncertain))}
        ${figure(t("live.inspected_in"), `${locale.number(day.avg_inspection_time_ms)} ms`)}
      </dl>
    </section>`;
  }
}
