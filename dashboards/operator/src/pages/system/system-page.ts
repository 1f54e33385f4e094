/** How the platform itself is: health, disk, OpenVINO, OPC UA, configuration, and who did what. */
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { api, need } from "../../api/client";
import type { Schemas } from "../../api/client";
import { ApiError } from "../../api/errors";
import { session } from "../../api/session";
import { WorkingPage } from "../../app/working-page";
import { locale, named, t } from "../../i18n/locale";
import "../../parts/icon";
import { pageLayout, shared, sheet } from "../../styles/shared";
import "./config-editor";

@customElement("ussop-system-page")
export class SystemPage extends WorkingPage {
  @state() private health: Schemas["Health"] | null = null;
  @state() private openvino: Schemas["OpenVinoStatus"] | null = null;
  @state() private benchmark: Schemas["BenchmarkOut"] | null = null;
  @state() private usage: Schemas["UsageOut"] | null = null;
  @state() private opcua: Schemas["OpcUaStatus"] | null = null;
  @state() private entries: readonly Schemas["AuditEntryOut"][] = [];
  @state() private olderThan: number | null = null;
  @state() private verified = "";

  static override styles = [
    shared,
    pageLayout,
    sheet,
    css`
      ussop-config-editor {
        display: block;
        margin-block: 1rem;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    void this.act(() => this.load());
  }

  /** An installation may lack some of it, and a role may not see all: what is missing is left out. */
  private async load(): Promise<void> {
    const optional = async <T>(call: Promise<T>): Promise<T | null> => {
      try {
        return await call;
      } catch (error) {
        if (error instanceof ApiError && [403, 404, 405].includes(error.status)) return null;
        throw error;
      }
    };
    const [health, openvino, usage, opcua] = await Promise.all([
      need(api.GET("/api/v1/health")),
      optional(need(api.GET("/api/v1/openvino/status"))),
      optional(need(api.GET("/api/v1/storage/usage"))),
      optional(need(api.GET("/api/v1/opcua/status"))),
    ]);
    [this.health, this.openvino, this.usage, this.opcua] = [health, openvino, usage, opcua];
    if (session.can("admin")) await this.loadAudit();
  }

  override render() {
    return html`
      <header class="page"><h1>${t("system.title")}</h1></header>
      ${this.notes()}
      <div class="columns">${this.healthCard()} ${this.openvinoCard()} ${this.storageCard()} ${this.opcuaCard()}</div>
      <ussop-config-editor></ussop-config-editor>
      ${session.can("admin") ? this.auditCard() : nothing}
    `;
  }

  private facts(rows: readonly (readonly [string, unknown])[]) {
    return html`<dl class="facts">${rows.map(([name, value]) => html`<dt>${name}</dt><dd class="number">${value}</dd>`)}</dl>`;
  }

  private healthCard() {
    const one = this.health;
    if (one === null) return nothing;
    const isWell = one.status === "healthy";
    return html`<section class="card"><h2>${t("system.health")}</h2>
      <p class="note ${isWell ? "" : "problem"}"><ussop-icon name=${isWell ? "pass" : "fail"}></ussop-icon> ${t(`system.${one.status}`)}</p>
      ${this.facts([[t("system.version"), one.version], [t("live.model"), one.model ? `${one.model.name} ${one.model.version}` : "–"], [t("history.backend"), one.model?.backend ?? "–"], [t("system.uptime"), `${locale.number(one.uptime_s / 3600, 1)} h`]])}
    </section>`;
  }

  private openvinoCard() {
    const one = this.openvino;
    if (one === null) return nothing;
    const run = () => void this.act(async () => {
      this.benchmark = await need(api.POST("/api/v1/openvino/benchmark", { body: { model_key: "detector", iterations: 30 } }));
    });
    const ms = (value: number) => `${locale.number(value, 1)} ms`;
    return html`<section class="card"><h2>OpenVINO</h2>
      ${this.facts([[t("system.device"), one.device], [t("system.devices"), one.devices.join(", ") || "–"], [t("system.loaded"), one.loaded_models.join(", ") || "–"], ...(one.fallback_reason ? [[t("system.fallback"), one.fallback_reason] as const] : [])])}
      ${this.benchmark ? this.facts([["ONNX Runtime", ms(this.benchmark.ort_mean_ms)], ["OpenVINO", ms(this.benchmark.ov_mean_ms)], [t("system.speedup"), `${locale.number(this.benchmark.speedup, 2)} ×`]]) : nothing}
      ${session.can("engineer") ? html`<wa-button appearance="outlined" ?loading=${this.isBusy} @click=${run}>${t("system.benchmark")}</wa-button>` : nothing}
    </section>`;
  }

  private storageCard() {
    const one = this.usage;
    if (one === null) return nothing;
    const parts = Object.entries(one.breakdown).filter(([, part]) => part.bytes > 0).sort(([, a], [, b]) => b.bytes - a.bytes);
    return html`<section class="card"><h2>${t("system.storage")}</h2>
      <div class="bar" role="progressbar" aria-label=${t("system.storage")} aria-valuenow=${Math.round(100 - one.free_percent)}><span .style=${`width: ${100 - one.free_percent}%`}></span></div>
      <p class="small ${one.is_low ? "problem" : "quiet"}">${t("system.free", { free: size(one.free_bytes), total: size(one.total_bytes) })}</p>
      ${this.facts(parts.map(([name, part]) => [named("storage", name), size(part.bytes)] as const))}
    </section>`;
  }

  private opcuaCard() {
    const one = this.opcua;
    if (one === null || !one.enabled) return html`<section class="card"><h2>OPC UA</h2><p class="quiet">${t("system.no_opcua")}</p></section>`;
    const expires = one.certificate_expires_at ? [[t("system.certificate"), locale.dateTime(one.certificate_expires_at)] as const] : [];
    return html`<section class="card"><h2>OPC UA</h2>
      <p class="note ${one.running ? "" : "problem"}"><ussop-icon name=${one.running ? "pass" : "fail"}></ussop-icon> ${t(one.running ? "system.opcua_runs" : "system.opcua_down")}</p>
      ${one.insecure ? html`<p class="note away"><ussop-icon name="uncertain"></ussop-icon> ${t("system.opcua_open")}</p>` : nothing}
      ${this.facts([[t("system.endpoint"), html`<span class="mono">${one.endpoint}</span>`], [t("quality.stations"), one.station_count], [t("system.clients"), one.sessions], [t("system.subscriptions"), one.subscriptions],
        ["OPC 40100-1", one.machine_vision ? t("system.yes") : t("system.no")], ...expires])}
    </section>`;
  }

  private auditCard() {
    return html`<section class="card"><div class="row spread"><h2>${t("system.audit")}</h2>
        <span class="row">${this.verified ? html`<b role="status">${this.verified}</b>` : nothing}<wa-button appearance="outlined" size="s" @click=${this.verify}>${t("system.verify")}</wa-button></span></div>
      <div class="scroll" role="region" tabindex="0" aria-label=${t("system.title")}><table><tbody>${this.entries.map(
        (entry) => html`<tr><td class="number">${entry.seq}</td><td class="small">${locale.dateTime(entry.at)}</td><th scope="row">${entry.actor.name}</th><td class="mono">${entry.action}</td><td class="mono">${entry.subject}</td></tr>`,
      )}</tbody></table></div>
      ${this.olderThan === null ? nothing : html`<wa-button appearance="outlined" size="s" @click=${() => void this.act(() => this.loadAudit(this.olderThan))}>${t("system.older")}</wa-button>`}
    </section>`;
  }

  private async loadAudit(before: number | null = null): Promise<void> {
    const query = { limit: 25, ...(before === null ? {} : { before }) };
    const page = await need(api.GET("/api/v1/audit", { params: { query } }));
    this.entries = before === null ? page.entries : [...this.entries, ...page.entries];
    this.olderThan = page.next_before ?? null;
  }

  private verify(): void {
    void this.act(async () => {
      const found = await need(api.GET("/api/v1/audit/verify"));
      this.verified = found.holds ? t("system.holds", { entries: locale.number(found.entries) }) : t("system.broken", { count: found.findings.length });
    });
  }
}

function size(bytes: number): string {
  return bytes >= 1e9 ? `${locale.number(bytes / 1e9, 1)} GB` : `${locale.number(bytes / 1e6, 1)} MB`;
}
