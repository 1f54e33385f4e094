/** What needs a person: alerts, newest first, acknowledged with one touch. */
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { api, need } from "../../api/client";
import type { Schemas } from "../../api/client";
import { session } from "../../api/session";
import { UssopElement } from "../../app/element";
import { problemText } from "../../app/problem";
import type { Route } from "../../app/route-data";
import { router } from "../../app/router";
import { locale, t } from "../../i18n/locale";
import { plant } from "../../live/plant";
import "../../parts/icon";
import { alertWords } from "../../parts/said-data";
import { emptiness, notes, pageLayout, shared, tabs } from "../../styles/shared";

type Alert = Schemas["AlertRead"];
const SEVERITIES = ["critical", "error", "warning", "info"] as const;
const ICONS = { critical: "fail", error: "fail", warning: "uncertain", info: "info" } as const;
const LIMIT = 100;

@customElement("ussop-alerts-page")
export class AlertsPage extends UssopElement {
  @property({ attribute: false }) route!: Route;
  @state() private alerts: readonly Alert[] = [];
  @state() private total = 0;
  @state() private isLoaded = false;
  @state() private problem = "";
  private readonly onTold = (event: Event) => (event as CustomEvent).detail === "alert" && void this.load();

  static override styles = [
    shared,
    pageLayout,
    notes,
    tabs,
    emptiness,
    css`
      .tools {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: 0.875rem;
        margin-bottom: 1rem;
      }
      .tools wa-select {
        width: 14rem;
      }
      ul {
        display: grid;
        gap: 0.75rem;
      }
      li.card {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr) auto;
        gap: 0.25rem 1rem;
        align-items: center;
        padding: 1rem 1.25rem;
        border-left: 5px solid var(--u-accent);
      }
      li > ussop-icon {
        width: 1.75rem;
        height: 1.75rem;
        color: var(--u-accent);
      }
      li.critical,
      li.error {
        border-left-color: var(--u-fail);
      }
      li.warning {
        border-left-color: var(--u-uncertain);
      }
      .critical > ussop-icon,
      .error > ussop-icon {
        color: var(--u-fail);
      }
      .warning > ussop-icon {
        color: var(--u-uncertain);
      }
      .empty ussop-icon {
        color: var(--u-pass);
      }
      @media (max-width: 640px) {
        li.card {
          grid-template-columns: auto minmax(0, 1fr);
          padding: 0.875rem;
        }
        li wa-button,
        li .done {
          grid-column: 2;
          justify-self: start;
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    plant.addEventListener("told", this.onTold);
  }

  override disconnectedCallback(): void {
    plant.removeEventListener("told", this.onTold);
    super.disconnectedCallback();
  }

  override willUpdate(changed: Map<string, unknown>): void {
    if (changed.has("route")) void this.load();
  }

  private get wanted() {
    const severity = SEVERITIES.find((one) => one === this.route.query["severity"]);
    return { acknowledged: this.route.query["seen"] === "1", ...(severity ? { severity } : {}) };
  }

  override render() {
    const { acknowledged, severity = "" } = this.wanted;
    const choose = (seen: boolean, level: string) => router.go("alerts", [], { seen: seen ? "1" : "", severity: level });
    const tab = (seen: boolean, word: string) =>
      html`<button type="button" aria-pressed=${seen === acknowledged ? "true" : "false"} @click=${() => choose(seen, severity)}>${word}</button>`;
    return html`
      <header class="page"><h1>${t("alerts.title")}</h1></header>
      <div class="tools">
        <div class="tabs" role="group">${tab(false, t("alerts.open"))} ${tab(true, t("alerts.seen"))}</div>
        <wa-select label=${t("alerts.severity")} value=${severity}
          @change=${(event: Event) => choose(acknowledged, (event.target as HTMLInputElement).value)}>
          <wa-option value="">${t("alerts.all_severities")}</wa-option>
          ${SEVERITIES.map((one) => html`<wa-option value=${one}>${t(`alerts.severity_${one}`)}</wa-option>`)}
        </wa-select>
      </div>
      ${this.problem ? html`<p class="note problem" role="alert">${this.problem}</p>` : nothing}
      ${this.isLoaded && this.alerts.length === 0
        ? html`<div class="empty card"><ussop-icon name="pass"></ussop-icon><p>${t("alerts.none")}</p></div>`
        : html`<ul>${this.alerts.map((alert) => this.item(alert))}</ul>`}
      ${this.total > this.alerts.length
        ? html`<p class="quiet">${t("alerts.newest", { shown: this.alerts.length, total: this.total })}</p>`
        : nothing}
    `;
  }

  private item(alert: Alert) {
    const times = alert.occurrences > 1 ? t("alerts.times", { count: alert.occurrences, at: locale.dateTime(alert.last_seen_at) }) : "";
    const resolved = alert.resolved_at ? t("alerts.resolved", { at: locale.dateTime(alert.resolved_at) }) : "";
    const station = alert.station_id ? plant.nameOf(alert.station_id) : "";
    const facts = [t(`alerts.severity_${alert.severity}`), locale.dateTime(alert.timestamp), station, times, resolved];
    const { title, message } = alertWords(alert);
    return html`<li class="card ${alert.severity}">
      <ussop-icon name=${ICONS[alert.severity]}></ussop-icon>
      <div>
        <h2>${title}</h2>
        <p>${message}</p>
        <p class="quiet small">${facts.filter(Boolean).join(" · ")}</p>
      </div>
      ${alert.acknowledged ? this.done(alert) : session.can("operator") ? this.button(alert) : nothing}
    </li>`;
  }

  private done(alert: Alert) {
    const at = alert.acknowledged_at ? locale.dateTime(alert.acknowledged_at) : "";
    return html`<span class="done quiet small">${t("alerts.acknowledged_by", { name: alert.acknowledged_by ?? "–", at })}</span>`;
  }

  private button(alert: Alert) {
    return html`<wa-button variant="brand" appearance="outlined" @click=${() => this.acknowledge(alert)}>
      <ussop-icon slot="start" name="check"></ussop-icon>${t("alerts.acknowledge")}
    </wa-button>`;
  }

  private async load(): Promise<void> {
    const query = { ...this.wanted, limit: LIMIT };
    try {
      const page = await need(api.GET("/api/v1/alerts", { params: { query } }));
      if (query.acknowledged !== this.wanted.acknowledged) return; // another list was chosen meanwhile
      [this.alerts, this.total, this.isLoaded, this.problem] = [page.alerts, page.total, true, ""];
    } catch (error) {
      this.problem = problemText(error);
    }
  }

  private async acknowledge(alert: Alert): Promise<void> {
    try {
      const path = { alert_id: alert.id };
      await need(api.POST("/api/v1/alerts/{alert_id}/acknowledge", { params: { path } }));
      await Promise.all([this.load(), plant.loadAlerts()]);
    } catch (error) {
      this.problem = problemText(error);
    }
  }
}
