/** Questions in plain language; each answer shows the figures and the parts that it rests on. */
import { html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { api, need } from "../../api/client";
import type { Inspection } from "../../api/client";
import { ApiError } from "../../api/errors";
import { callJson } from "../../api/raw";
import { formatRoute } from "../../app/route-data";
import { WorkingPage } from "../../app/working-page";
import { t } from "../../i18n/locale";
import "../../parts/picture";
import "../../parts/verdict";
import { pageLayout, shared, sheet } from "../../styles/shared";

interface Look {
  readonly tool: string;
  readonly values: Readonly<Record<string, unknown>>;
}

interface Answer {
  readonly question: string;
  readonly answer: string;
  readonly backend: string;
  readonly figures?: readonly Look[];
  readonly filters?: readonly Look[];
  readonly inspection_ids?: readonly string[];
}

const MOST_PICTURES = 6;

@customElement("ussop-ask-page")
export class AskPage extends WorkingPage {
  @state() private answer: Answer | null = null;
  @state() private parts: readonly Inspection[] = [];
  @state() private isOff = false;

  static override styles = [shared, pageLayout, sheet];

  override render() {
    return html`
      <header class="page"><h1>${t("ask.title")}</h1></header>
      ${this.notes()} ${this.isOff ? html`<p class="note problem" role="alert">${t("ask.off")}</p>` : nothing}
      <form class="card" @submit=${this.onSubmit}>
        <wa-input name="question" label=${t("ask.question")} placeholder=${t("ask.example")} required maxlength="500"></wa-input>
        <wa-button type="submit" variant="brand" size="l" ?loading=${this.isBusy}>${t("ask.ask")}</wa-button>
      </form>
      ${this.answer ? this.shown(this.answer) : nothing}
    `;
  }

  private shown(one: Answer) {
    const text = (value: unknown) => (typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "–"));
    const facts = (look: Look) => html`<dl class="facts small">${Object.entries(look.values).map(([name, value]) => html`<dt>${name.replaceAll("_", " ")}</dt><dd>${text(value)}</dd>`)}</dl>`;
    return html`<br /><section class="card" aria-live="polite">
        <p class="quiet">${one.question}</p>
        <p><b>${one.answer}</b></p>
        <p class="quiet small">${t("ask.backend", { backend: one.backend })}</p>
      </section><br />
      <div class="columns">
        ${(one.figures ?? []).map((look, index) => html`<section class="card"><h2>${look.tool.replaceAll("_", " ")}</h2>${facts(look)}
          ${one.filters?.[index] ? html`<h3>${t("ask.filters")}</h3>${facts(one.filters[index])}` : nothing}</section>`)}
        ${this.parts.map((part) => html`<a class="card" href=${formatRoute("history", [part.id])} data-page="history">
          <ussop-picture .inspection=${part}></ussop-picture><ussop-verdict decision=${part.decision}></ussop-verdict> ${part.part_id ?? ""}</a>`)}
      </div>`;
  }

  private onSubmit(event: SubmitEvent): void {
    event.preventDefault();
    const question = String(new FormData(event.currentTarget as HTMLFormElement).get("question") ?? "").trim();
    if (!question) return;
    [this.isOff, this.answer, this.parts] = [false, null, []];
    void this.act(async () => {
      try {
        this.answer = await callJson<Answer>("/api/v1/query", "POST", { question });
      } catch (error) {
        if (!(error instanceof ApiError) || ![404, 405, 503].includes(error.status)) throw error;
        this.isOff = true;
        return;
      }
      const ids = (this.answer.inspection_ids ?? []).slice(0, MOST_PICTURES);
      this.parts = await Promise.all(ids.map((id) => need(api.GET("/api/v1/inspect/{inspection_id}", { params: { path: { inspection_id: id } } }))));
    });
  }
}
