/** Starts a training in plain words and follows it. */
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { api, need } from "../../api/client";
import { session } from "../../api/session";
import { UssopElement } from "../../app/element";
import { problemText } from "../../app/problem";
import { t } from "../../i18n/locale";
import type { MessageKey } from "../../i18n/locale";
import "../../parts/chart";
import { shared, sheet } from "../../styles/shared";
import { MEMORY, NETWORK, NO_CURVES, PACE, THOROUGHNESS, USUAL, isUnderWay, settingsOf, withPoint } from "./model-data";
import type { Choices, Curves, Training } from "./model-data";

const BUSY_MS = 2_000;
const IDLE_MS = 15_000;
type ChoiceKey = "models.network" | "models.epochs" | "models.pace" | "models.batch";

@customElement("ussop-training-panel")
export class TrainingPanel extends UssopElement {
  @property({ attribute: false }) onDone: () => void = () => undefined;
  @state() private training: Training | null = null;
  @state() private problem = "";
  @state() private choices: Choices = USUAL;
  @state() private isBusy = false;
  @state() private isAsking = false;
  private curves: Curves = NO_CURVES;
  private timer = 0;

  static override styles = [
    shared,
    sheet,
    css`
      section {
        display: grid;
        gap: 1rem;
        padding: 1.125rem 1.25rem;
      }
      .state {
        font-weight: 700;
      }
      .failed {
        color: var(--u-fail);
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    void this.look();
  }

  override disconnectedCallback(): void {
    clearTimeout(this.timer);
    super.disconnectedCallback();
  }

  override render() {
    const now = this.training;
    const isBusy = now !== null && isUnderWay(now.state);
    return html`<section class="card">
      <div><h2>${t("models.training")}</h2><p class="quiet small">${t("models.train_hint")}</p></div>
      ${this.problem ? html`<p class="note away" role="alert">${this.problem}</p>` : nothing}
      ${now === null ? nothing : this.progress(now)} ${this.chart()}
      ${session.can("engineer") ? (isBusy ? this.stopButton(now) : this.form()) : nothing} ${this.dialog()}
    </section>`;
  }

  private progress(now: Training) {
    const minutes = now.eta_s == null ? "" : t("models.eta", { minutes: Math.max(1, Math.round(now.eta_s / 60)) });
    const round = now.epochs ? t("models.epoch", { epoch: now.epoch ?? 0, epochs: now.epochs }) : "";
    return html`<div>
      <p class="row spread">
        <span class="state ${now.state}">${t(`models.state_${now.state}`)} ${now.model_name ?? ""}</span>
        <span class="quiet number small">${[round, isUnderWay(now.state) ? minutes : ""].filter(Boolean).join(" · ")}</span>
      </p>
      ${isUnderWay(now.state)
        ? html`<div class="bar" role="progressbar" aria-label=${t("models.training")} aria-valuenow=${Math.round(now.progress ?? 0)}>
            <span .style=${`width: ${now.progress ?? 0}%`}></span>
          </div>`
        : nothing}
      ${now.message ? html`<p class="small ${now.state}">${now.message}</p>` : nothing}
      <p class="row small">
        ${now.links ? html`<a href=${now.links.prefect} target="_blank" rel="noopener">${t("models.prefect")}</a>` : nothing}
        ${now.links?.mlflow ? html`<a href=${now.links.mlflow} target="_blank" rel="noopener">${t("models.mlflow")}</a>` : nothing}
      </p>
    </div>`;
  }

  private chart() {
    const series = [...this.curves.series].map(([name, data]) => ({
      type: "line",
      name: name.replace(/^metrics\//, ""),
      data,
      showSymbol: data.length < 3,
    }));
    if (series.length === 0) return nothing;
    const option = {
      grid: { left: 44, right: 12, top: 34, bottom: 28 },
      legend: { top: 0 },
      xAxis: { type: "value", minInterval: 1, min: "dataMin", max: "dataMax" },
      yAxis: { type: "value", min: 0, max: 1 },
      series,
    };
    return html`<ussop-chart .option=${option} label=${t("models.curve")}></ussop-chart>`;
  }

  private form() {
    return html`
      ${this.choice("network", "models.network", NETWORK)} ${this.choice("thoroughness", "models.epochs", THOROUGHNESS)}
      ${this.choice("pace", "models.pace", PACE)}
      ${this.choice("memory", "models.batch", MEMORY)}
      <wa-input label=${t("models.name")} hint=${t("models.name_hint")} maxlength="64" .value=${this.choices.name}
        @input=${(event: Event) => (this.choices = { ...this.choices, name: (event.target as HTMLInputElement).value })}></wa-input>
      <wa-button variant="brand" size="l" ?loading=${this.isBusy} @click=${this.start}>
        <ussop-icon slot="start" name="train"></ussop-icon>${t("models.start")}
      </wa-button>
    `;
  }

  private choice(field: Exclude<keyof Choices, "name">, key: ChoiceKey, of: object) {
    const change = (event: Event) => (this.choices = { ...this.choices, [field]: (event.target as HTMLInputElement).value });
    return html`<wa-select label=${t(key)} value=${this.choices[field]} @change=${change}>
      ${Object.keys(of).map((one) => html`<wa-option value=${one}>${t(`${key}_${one}` as MessageKey)}</wa-option>`)}
    </wa-select>`;
  }

  private stopButton(now: Training) {
    return html`<wa-button variant="danger" appearance="outlined" ?disabled=${now.state === "stopping"} ?loading=${this.isBusy} @click=${() => (this.isAsking = true)}>
      <ussop-icon slot="start" name="stop"></ussop-icon>${t("models.stop")}
    </wa-button>`;
  }

  private dialog() {
    const close = () => (this.isAsking = false);
    return html`<wa-dialog ?open=${this.isAsking} label=${t("models.stop")}
      @wa-hide=${(event: Event) => event.target === event.currentTarget && close()}>
      <p>${t("models.stop_ask")}</p>
      <wa-button slot="footer" appearance="outlined" @click=${close}>${t("app.cancel")}</wa-button>
      <wa-button slot="footer" variant="danger" @click=${this.stop}>${t("models.stop")}</wa-button>
    </wa-dialog>`;
  }

  private async look(): Promise<void> {
    clearTimeout(this.timer);
    try {
      this.take(await need(api.GET("/api/v1/training/status")));
    } catch (error) {
      this.problem = t("models.jobs_away", { detail: error instanceof Error && error.message ? error.message : problemText(error) });
    }
    if (!this.isConnected) return;
    const waitMs = this.training !== null && isUnderWay(this.training.state) ? BUSY_MS : IDLE_MS;
    this.timer = window.setTimeout(() => void this.look(), waitMs);
  }

  private take(training: Training): void {
    const wasBusy = this.training !== null && isUnderWay(this.training.state);
    this.curves = withPoint(this.curves, training);
    this.training = training;
    this.problem = "";
    if (wasBusy && !isUnderWay(training.state)) this.onDone();
  }

  private async start(): Promise<void> {
    await this.act(async () => this.take(await need(api.POST("/api/v1/training/start", { body: settingsOf(this.choices) }))));
  }

  private async stop(): Promise<void> {
    this.isAsking = false;
    await this.act(async () => this.take(await need(api.POST("/api/v1/training/stop"))));
  }

  private async act(what: () => Promise<void>): Promise<void> {
    this.isBusy = true;
    try {
      await what();
    } catch (error) {
      this.problem = problemText(error);
    } finally {
      this.isBusy = false;
    }
    this.timer = window.setTimeout(() => void this.look(), BUSY_MS);
  }
}
