/** Folders full of pictures, inspected as jobs. */
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { api, need } from "../../api/client";
import type { Schemas } from "../../api/client";
import { WorkingPage } from "../../app/working-page";
import { locale, t } from "../../i18n/locale";
import { plant } from "../../live/plant";
import { stationSelect } from "../../parts/select-station";
import { pageLayout, shared, sheet } from "../../styles/shared";

type Job = Schemas["BatchJobOut"];
const BUSY_MS = 2_000;
const IDLE_MS = 15_000;

@customElement("ussop-batch-page")
export class BatchPage extends WorkingPage {
  @state() private jobs: readonly Job[] = [];
  @state() private isLoaded = false;
  @state() private stationId = "";
  private timer = 0;
  private readonly redrawNow = () => this.requestUpdate();

  static override styles = [
    shared,
    pageLayout,
    sheet,
    css`
      article {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 0.5rem;
        padding-block: 0.75rem;
        border-top: 1px solid var(--u-line);
        overflow-wrap: anywhere;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    plant.addEventListener("change", this.redrawNow);
    void this.look();
  }

  override disconnectedCallback(): void {
    plant.removeEventListener("change", this.redrawNow);
    clearTimeout(this.timer);
    super.disconnectedCallback();
  }

  private get station(): string {
    return this.stationId || (plant.stations[0]?.id ?? "default");
  }

  override render() {
    return html`
      <header class="page"><h1>${t("batch.title")}</h1></header>
      ${this.notes()}
      <div class="columns">
        <section class="card"><h2>${t("batch.jobs")}</h2>
          ${this.isLoaded && this.jobs.length === 0 ? html`<p class="quiet">${t("batch.none")}</p>` : nothing}
          ${this.jobs.map((job) => this.job(job))}
        </section>
        <form class="card" @submit=${this.onSubmit}><h2>${t("batch.new")}</h2>
          <wa-input name="name" label=${t("batch.name")} required maxlength="120"></wa-input>
          <wa-input name="folder" label=${t("batch.folder")} hint=${t("batch.folder_hint")} required maxlength="1024"></wa-input>
          <wa-input name="pattern" label=${t("batch.pattern")} value="*" required maxlength="128"></wa-input>
          ${stationSelect(this.station, (id) => (this.stationId = id))}
          <wa-button type="submit" variant="brand" ?loading=${this.isBusy}>${t("batch.make")}</wa-button>
        </form>
      </div>
    `;
  }

  private job(job: Job) {
    const counts = (["pass", "fail", "uncertain"] as const).map((one) => `${t(`decision.${one}`)} ${locale.number(job.decisions[one] ?? 0)}`).join(" · ");
    const startable = ["pending", "failed", "cancelled"].includes(job.status);
    return html`<article>
      <div class="row spread"><b>${job.name}</b><span class="small ${job.status === "failed" ? "problem" : "quiet"}">${t(`batch.state_${job.status}`)}</span></div>
      <p class="quiet small mono">${job.input_dir}/${job.file_pattern} → ${plant.nameOf(job.station_id)}</p>
      <div class="bar" role="progressbar" aria-label=${job.name} aria-valuenow=${Math.round(job.progress)}><span .style=${`width: ${job.progress}%`}></span></div>
      <p class="small number">${locale.number(job.processed)} / ${job.total === null ? "?" : locale.number(job.total)} · ${counts}</p>
      ${job.error ? html`<p class="note problem">${job.error}</p>` : nothing}
      ${job.errors.length > 0 ? html`<details><summary>${t("batch.errors", { failed: job.failed })}</summary><ul class="small">${job.errors.map((one) => html`<li><span class="mono">${one.file}</span>: ${one.problem}</li>`)}</ul></details>` : nothing}
      <div class="row">
        ${startable ? html`<wa-button size="s" variant="brand" appearance="outlined" @click=${() => this.run(job, "start")}>${t("batch.start")}</wa-button>` : nothing}
        ${job.status === "running" || job.status === "pending" ? html`<wa-button size="s" appearance="outlined" @click=${() => this.run(job, "cancel")}>${t("app.cancel")}</wa-button>` : nothing}
        ${job.flow_run_url ? html`<a href=${job.flow_run_url} target="_blank" rel="noopener">${t("models.prefect")}</a>` : nothing}
      </div>
    </article>`;
  }

  private async look(): Promise<void> {
    clearTimeout(this.timer);
    try {
      this.jobs = (await need(api.GET("/api/v1/batch/jobs", { params: { query: { limit: 50 } } }))).jobs;
      this.isLoaded = true;
    } catch (error) {
      await this.act(() => Promise.reject(error));
    }
    if (!this.isConnected) return;
    this.timer = window.setTimeout(() => void this.look(), this.jobs.some((job) => job.status === "running") ? BUSY_MS : IDLE_MS);
  }

  private run(job: Job, what: "start" | "cancel"): void {
    const params = { path: { job_id: job.id } };
    void this.act(async () => {
      await need(what === "start" ? api.POST("/api/v1/batch/jobs/{job_id}/start", { params }) : api.POST("/api/v1/batch/jobs/{job_id}/cancel", { params }));
      await this.look();
    });
  }

  private onSubmit(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const text = (name: string) => String(data.get(name) ?? "");
    const body = { name: text("name"), input_dir: text("folder"), file_pattern: text("pattern") || "*", station_id: this.station };
    void this.act(async () => {
      await need(api.POST("/api/v1/batch/jobs", { body }));
      form.reset();
      await this.look();
    });
  }
}
