/** Pictures from this device, or from the camera at the line, inspected on request. */
import { html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { api, need } from "../../api/client";
import { inspectFile } from "../../api/upload";
import { UssopElement } from "../../app/element";
import { problemText } from "../../app/problem";
import { formatRoute } from "../../app/route-data";
import { locale, t } from "../../i18n/locale";
import { plant } from "../../live/plant";
import "../../parts/icon";
import "../../parts/result";
import { stationSelect } from "../../parts/select-station";
import { curlOf } from "../../parts/timings-data";
import "../../parts/verdict";
import { pageLayout, shared } from "../../styles/shared";
import { inspectPageStyles } from "./inspect-page.styles";
import { changed, newJob, pictures, startable } from "./job-data";
import type { Job } from "./job-data";

const AT_ONCE = 2; // more would wait for the same processor, and keep the line's parts waiting

@customElement("ussop-inspect-page")
export class InspectPage extends UssopElement {
  @state() private jobs: readonly Job[] = [];
  @state() private shown = "";
  @state() private stationId = "";
  @state() private partId = "";
  @state() private isOver = false;
  private readonly onPlant = () => this.requestUpdate();

  static override styles = [shared, pageLayout, inspectPageStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    plant.addEventListener("change", this.onPlant);
  }

  override disconnectedCallback(): void {
    plant.removeEventListener("change", this.onPlant);
    super.disconnectedCallback();
  }

  private get station(): string {
    return this.stationId || (plant.stations[0]?.id ?? "default");
  }

  override render() {
    const job = this.jobs.find((one) => one.key === this.shown);
    return html`
      <header class="page"><h1>${t("inspect.title")}</h1></header>
      <div class="columns">
        <div class="input">${this.form()} ${this.dropZone()} ${this.list()}</div>
        <div class="output">
          ${job?.result
            ? html`<ussop-result .inspection=${job.result} curl=${this.curl(job)}></ussop-result>
                <p class="row"><a href=${formatRoute("history", [job.result.id])} data-page="history">${t("inspect.open")}</a></p>`
            : html`<div class="nothing card"><ussop-icon name="inspect"></ussop-icon><p class="quiet">${t("inspect.nothing")}</p></div>`}
        </div>
      </div>
    `;
  }

  private form() {
    return html`<div class="form card">
      ${stationSelect(this.station, (id) => (this.stationId = id))}
      <wa-input label=${t("inspect.part")} maxlength="128" .value=${this.partId}
        @input=${(event: Event) => (this.partId = (event.target as HTMLInputElement).value)}></wa-input>
      <wa-button appearance="outlined" size="l" @click=${this.onCamera}>
        <ussop-icon slot="start" name="camera"></ussop-icon>${t("inspect.camera")}
      </wa-button>
    </div>`;
  }

  private dropZone() {
    const over = (isOver: boolean) => (event: DragEvent) => {
      event.preventDefault();
      this.isOver = isOver;
    };
    return html`<div class="drop ${this.isOver ? "over" : ""}" @dragover=${over(true)} @dragleave=${over(false)} @drop=${this.onDrop}>
      <ussop-icon name="upload"></ussop-icon>
      <b>${t("inspect.drop")}</b>
      <span class="quiet">${t("inspect.or")}</span>
      <wa-button variant="brand" size="l" @click=${() => this.chooser?.click()}>${t("inspect.choose")}</wa-button>
      <input class="unseen" type="file" multiple accept="image/*" aria-label=${t("inspect.choose")} tabindex="-1" @change=${this.onChosen} />
      <span class="quiet small">${t("inspect.formats")}</span>
    </div>`;
  }

  private get chooser(): HTMLInputElement | null {
    return this.renderRoot.querySelector<HTMLInputElement>("input[type=file]");
  }

  private list() {
    if (this.jobs.length === 0) return nothing;
    return html`<ol class="jobs card" aria-label=${t("inspect.queue")}>
      ${repeat(
        this.jobs,
        (job) => job.key,
        (job) => html`<li>
          <button type="button" class="job" ?disabled=${job.result === null} aria-pressed=${job.key === this.shown ? "true" : "false"}
            @click=${() => (this.shown = job.key)}>
            <span class="name">${job.name}</span>
            ${job.result ? html`<ussop-verdict decision=${job.result.decision}></ussop-verdict>` : html`<span class="small ${job.state}">${this.stateText(job)}</span>`}
          </button>
          ${job.state === "sending" || job.state === "inspecting"
            ? html`<div class="progress" role="progressbar" aria-label=${job.name} aria-valuenow=${Math.round(job.share * 100)}>
                <span .style=${`width: ${job.share * 100}%`}></span>
              </div>`
            : nothing}
          ${job.state === "failed"
            ? html`<wa-button size="s" appearance="outlined" @click=${() => this.retry(job)}>${t("inspect.again")}</wa-button>`
            : nothing}
        </li>`,
      )}
    </ol>`;
  }

  private stateText(job: Job): string {
    if (job.state === "sending") return t("inspect.state_sending", { percent: locale.percent(job.share) });
    if (job.state === "failed") return t("inspect.state_failed", { detail: job.problem });
    return job.state === "inspecting" ? t("inspect.state_inspecting") : t("inspect.state_waiting");
  }

  private curl(job: Job): string {
    const one = job.result;
    return one === null ? "" : curlOf(location.origin, one.station_id, one.part_id, job.file?.name ?? null);
  }

  private onDrop(event: DragEvent): void {
    event.preventDefault();
    this.isOver = false;
    this.add([...(event.dataTransfer?.files ?? [])]);
  }

  private onChosen(event: Event): void {
    const input = event.target as HTMLInputElement;
    this.add([...(input.files ?? [])]);
    input.value = "";
  }

  private onCamera(): void {
    this.jobs = [newJob(newKey(), t("inspect.camera_picture"), null), ...this.jobs];
    this.startNext();
  }

  private add(files: readonly File[]): void {
    const jobs = pictures(files).map((file) => newJob(newKey(), file.name, file));
    this.jobs = [...jobs, ...this.jobs];
    this.startNext();
  }

  private retry(job: Job): void {
    this.change(job.key, { state: "waiting", problem: "", share: 0 });
    this.startNext();
  }

  private startNext(): void {
    for (const job of startable(this.jobs, AT_ONCE)) void this.run(job);
  }

  private change(key: string, change: Partial<Job>): void {
    this.jobs = changed(this.jobs, key, change);
  }

  private async run(job: Job): Promise<void> {
    this.change(job.key, { state: job.file ? "sending" : "inspecting" });
    try {
      const result = job.file ? await this.send(job, job.file) : await this.capture(job);
      this.change(job.key, { state: "done", result });
      this.shown = job.key;
    } catch (error) {
      this.change(job.key, { state: "failed", problem: problemText(error) });
    }
    this.startNext();
  }

  private send(job: Job, file: File) {
    const upload = { file, stationId: this.station, partId: this.partId, key: job.key };
    return inspectFile(upload, (share) => this.change(job.key, { share, state: share < 1 ? "sending" : "inspecting" }));
  }

  private capture(job: Job) {
    const query = { station_id: this.station, ...(this.partId ? { part_id: this.partId } : {}) };
    const header = { "Idempotency-Key": job.key };
    return need(api.POST("/api/v1/inspect/camera", { params: { query, header } }));
  }
}

/** `crypto.randomUUID` is missing on pages without TLS, which many a plant has. */
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
