/** Versions of the model and the training that makes new ones. */
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { api, need } from "../../api/client";
import type { Schemas } from "../../api/client";
import { session } from "../../api/session";
import { UssopElement } from "../../app/element";
import { problemText } from "../../app/problem";
import { formatRoute } from "../../app/route-data";
import type { Route } from "../../app/route-data";
import { locale, t } from "../../i18n/locale";
import { plant } from "../../live/plant";
import "../../parts/icon";
import { emptiness, pageLayout, shared, sheet, steps } from "../../styles/shared";
import "./comparison";
import { actionsOf, inUseOf, isUnderWay } from "./model-data";
import type { Version } from "./model-data";
import "./training-panel";
import "./version-card";
import type { Act } from "./version-card";

const GATE_MS = 2_000;

@customElement("ussop-models-page")
export class ModelsPage extends UssopElement {
  @property({ attribute: false }) route!: Route;
  @state() private list: Schemas["ModelList"] | null = null;
  @state() private problem = "";
  @state() private done = "";
  @state() private asked: { version: Version; act: Act } | null = null;
  @state() private reason = "";
  @state() private busy: Readonly<Record<string, string>> = {};
  private readonly onTold = (event: Event) => (event as CustomEvent).detail === "model" && void this.load();

  static override styles = [
    shared,
    pageLayout,
    sheet,
    emptiness,
    steps,
    css`
      .columns {
        grid-template-columns: minmax(0, 1fr) minmax(18rem, 24rem);
        gap: 1.25rem;
      }
      .versions {
        display: grid;
        gap: 1rem;
      }
      @media (max-width: 1000px) {
        .columns {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    plant.addEventListener("told", this.onTold);
    void this.load();
  }

  override disconnectedCallback(): void {
    plant.removeEventListener("told", this.onTold);
    super.disconnectedCallback();
  }

  override render() {
    const models = this.list?.models ?? [];
    const wanted = this.route.rest[0];
    if (wanted !== undefined) return this.against(models.find((one) => one.id === wanted), wanted);
    return html`
      <header class="page"><h1>${t("models.title")}</h1></header>
      ${this.notes()}
      <div class="columns">
        <section class="versions" aria-label=${t("models.versions")}>
          ${this.list?.registry === "available" && models.length === 0 ? html`<p class="empty card">${t("models.none")}</p>` : nothing}
          ${models.map(
            (version) => html`<ussop-version-card .version=${version} busy=${this.busy[version.id] ?? ""} ?comparable=${isComparable(version, models)}
              @act=${(event: CustomEvent<Act>) => this.ask(version, event.detail)}></ussop-version-card>`,
          )}
        </section>
        <ussop-training-panel .onDone=${() => void this.load()}></ussop-training-panel>
      </div>
      ${this.dialog()}
    `;
  }

  private notes() {
    return html`${this.problem ? html`<p class="note problem" role="alert">${this.problem}</p>` : nothing}
    ${this.done ? html`<p class="note" role="status">${this.done}</p>` : nothing}
    ${this.list?.registry === "unavailable" ? html`<p class="note away">${t("models.registry_away")}</p>` : nothing}`;
  }

  /** One version beside the one in use. */
  private against(version: Version | undefined, id: string) {
    const inUse = inUseOf(this.list?.models ?? []);
    return html`
      <header class="page">
        <div class="row">
          <a class="step" href=${formatRoute("models")} data-page="models" title=${t("models.title")} aria-label=${t("models.title")}><ussop-icon name="back"></ussop-icon></a>
          <h1>${t("compare.title", { version: id })}</h1>
        </div>
        ${version ? html`<ussop-version-card bare .version=${version} busy=${this.busy[version.id] ?? ""}
          @act=${(event: CustomEvent<Act>) => this.ask(version, event.detail)}></ussop-version-card>` : nothing}
      </header>
      ${this.notes()}
      ${this.list === null
        ? nothing
        : html`<ussop-comparison version=${id} against=${inUse?.id ?? ""} state="${version?.gate ?? ""} ${version?.status ?? ""}"></ussop-comparison>`}
      ${this.dialog()}
    `;
  }

  private dialog() {
    const asked = this.asked;
    const close = () => (this.asked = null);
    const needsReason = asked !== null && asked.act === "deploy" && actionsOf(asked.version).override && session.can("admin");
    return html`<wa-dialog ?open=${asked !== null} label=${asked ? t("models.version", { version: asked.version.version }) : ""}
      @wa-hide=${(event: Event) => event.target === event.currentTarget && close()}>
      ${asked ? html`<p>${t(`models.${asked.act}_ask`, { version: asked.version.version })}</p>` : nothing}
      ${needsReason
        ? html`<wa-input label=${t(asked.version.gate === null ? "models.override_unjudged" : "models.override")} maxlength="1000" .value=${this.reason}
            @input=${(event: Event) => (this.reason = (event.target as HTMLInputElement).value)}></wa-input>`
        : nothing}
      <wa-button slot="footer" appearance="outlined" @click=${close}>${t("app.cancel")}</wa-button>
      <wa-button slot="footer" variant="brand" data-confirm @click=${this.confirmed}>
        ${asked ? t(asked.act === "gate" ? "models.gate_run" : `models.${asked.act}`) : ""}
      </wa-button>
    </wa-dialog>`;
  }

  private ask(version: Version, act: Act): void {
    [this.asked, this.reason, this.done] = [{ version, act }, "", ""];
  }

  private async confirmed(): Promise<void> {
    const asked = this.asked;
    if (asked === null) return;
    this.asked = null;
    const { version, act } = asked;
    this.setBusy(version, "…");
    try {
      if (act === "gate") await this.judge(version);
      else await this.put(version, act);
      this.problem = "";
    } catch (error) {
      this.problem = problemText(error);
    } finally {
      this.setBusy(version, "");
      await this.load();
    }
  }

  private async put(version: Version, act: "deploy" | "rollback"): Promise<void> {
    const params = { path: { version_id: version.id } };
    const body = this.reason.trim() ? { override_reason: this.reason.trim() } : {};
    await need(
      act === "deploy"
        ? api.POST("/api/v1/models/{version_id}/deploy", { params, body })
        : api.POST("/api/v1/models/{version_id}/rollback", { params }),
    );
    this.done = t("models.deployed_done", { version: version.version });
  }

  /** Starts the gate and follows it to its end. */
  private async judge(version: Version): Promise<void> {
    const params = { path: { version_id: version.id } };
    let gate = await need(api.POST("/api/v1/models/{version_id}/promote", { params, body: {} }));
    while (isUnderWay(gate.state) && this.isConnected) {
      this.setBusy(version, t("models.gate_running", { progress: locale.percent((gate.progress ?? 0) / 100) }));
      await new Promise((resolve) => setTimeout(resolve, GATE_MS));
      gate = await need(api.GET("/api/v1/models/{version_id}/gate", { params }));
    }
    if (gate.state === "failed") throw new Error(t("models.gate_failed", { detail: gate.message ?? "" }));
  }

  private setBusy(version: Version, words: string): void {
    this.busy = { ...this.busy, [version.id]: words };
  }

  private async load(): Promise<void> {
    try {
      this.list = await need(api.GET("/api/v1/models"));
    } catch (error) {
      this.problem = problemText(error);
    }
  }
}

/** Whether there is something to hold a version against: another one in use, or the gate's report. */
function isComparable(version: Version, models: readonly Version[]): boolean {
  const inUse = inUseOf(models);
  return version.gate !== null || (inUse !== null && inUse.id !== version.id);
}
