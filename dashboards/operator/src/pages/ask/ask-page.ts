/** Questions in plain language; each answer shows the figures and the parts that it rests on. */
import { css, html, nothing } from "lit";
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

  static override styles = [
    shared,
    pageLayout,
    sheet,
    css`
      form.card {
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: end;
      }
      .answer {
        margin-block: 1rem;
      }
      .answer b {
        font-size: 1.25rem;
        line-height: 1.35;
      }
      .parts {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(14rem, 100%), 1fr));
        gap: 1rem;
        margin-top: 1rem;
      }
      .parts a {
        overflow: hidden;
        color: inherit;
        text-decoration: none;
      }
      .parts ussop-picture {
        height: 10rem;
      }
      .parts p {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.5rem;
        padding: 0.625rem 0.75rem;
      }
      @media (max-width: 640px) {
        form.card {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

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
    return html`<section class="card answer" aria-live="polite">
        <p class="quiet">${one.question}</p>
        <p><b>${one.answer}</b></p>
        <p class="quiet small">${t("ask.backend", { backend: one.backend })}</p>
      </section>
      <div class="columns">
        ${(one.figures ?? []).map((look, index) => html`<section class="card"><h2>${look.tool.replaceAll("_", " ")}</h2>${facts(look)}
          ${one.filters?.[index] ? html`<h3>${t("ask.filters")}</h3>${facts(one.filters[index])}` : nothing}</section>`)}
      </div>
      <div class="parts">${this.parts.map((part) => html`<a class="card" href=${formatRoute("history", [part.id])} data-page="history">
        <ussop-picture .inspection=${part}></ussop-picture>
        <p><ussop-verdict decision=${part.overruled_to ?? part.decision}></ussop-verdict><span>${part.part_id ?? "–"}</span></p></a>`)}</div>`;
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
