/** The configuration: everywhere and by station, with its history and the way back. */
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { api, need } from "../../api/client";
import type { Schemas } from "../../api/client";
import { ApiError } from "../../api/errors";
import { session } from "../../api/session";
import { problemText } from "../../app/problem";
import { WorkingPage } from "../../app/working-page";
import { locale, t } from "../../i18n/locale";
import { plant } from "../../live/plant";
import "../../parts/icon";
import { shared, sheet } from "../../styles/shared";
import { PLANT, RULES, UNTOUCHED, changedBetween, changesIn, fieldOf, patchOf, rebased, stepsOf, textOf, typedIn, wrongWith } from "./config-data";
import type { Config, Draft, Field, Name, Revision, Scope } from "./config-data";

const HISTORY = 10;
type Body = Schemas["ConfigUpdate"];

@customElement("ussop-config-editor")
export class ConfigEditor extends WorkingPage {
  @state() private config: Config | null = null;
  @state() private draft: Draft = UNTOUCHED;
  @state() private scope: Scope = "";
  @state() private revisions: readonly Revision[] = [];
  @state() private total = 0;
  @state() private asked: number | null = null;
  /** What somebody else changed while this was typed. */
  @state() private meanwhile: { readonly by: string; readonly names: readonly (readonly [Scope, Name])[] } | null = null;
  private readonly redrawNow = () => this.requestUpdate();

  static override styles = [
    shared,
    sheet,
    css`
      section.card {
        gap: 1rem;
      }
      .fields {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr));
        gap: 0.875rem 1.25rem;
        align-items: start;
      }
      .field {
        min-width: 0;
      }
      .field.touched {
        box-shadow: -4px 0 0 var(--u-accent);
      }
      .field.meanwhile {
        box-shadow: -4px 0 0 var(--u-uncertain);
      }
      .field p {
        overflow-wrap: anywhere;
      }
      .field .wrong {
        color: var(--u-fail);
        font-weight: 600;
      }
      .where wa-select {
        width: min(18rem, 100%);
      }
      .note.meanwhile {
        margin: 0;
        background: var(--u-uncertain-soft);
        color: var(--u-uncertain);
      }
      .note {
        margin: 0;
      }
      ol {
        display: grid;
        gap: 0.5rem;
      }
      li {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 0.5rem 1rem;
        padding: 0.625rem 0;
        border-top: 1px solid var(--u-line);
      }
      li > div {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      summary {
        min-height: 2.75rem;
        display: flex;
        align-items: center;
        gap: 0.5rem;
        font-weight: 600;
        cursor: pointer;
      }
      summary ussop-icon {
        transition: rotate 0.15s;
      }
      details[open] > summary ussop-icon {
        rotate: 180deg;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    plant.addEventListener("change", this.redrawNow);
    void this.act(() => this.load());
  }

  override disconnectedCallback(): void {
    plant.removeEventListener("change", this.redrawNow);
    super.disconnectedCallback();
  }

  private async load(): Promise<void> {
    this.config = await need(api.GET("/api/v1/config"));
    if (session.can("engineer")) await this.loadHistory();
  }

  private async loadHistory(limit = HISTORY): Promise<void> {
    const page = await need(api.GET("/api/v1/config/history", { params: { query: { limit } } }));
    [this.revisions, this.total] = [page.revisions, page.total];
  }

  override render() {
    const { config } = this;
    if (config === null) return this.problem ? html`<section class="card">${this.notes()}</section>` : nothing;
    const mayEdit = session.can("engineer");
    return html`<section class="card">
      <div class="row spread"><h2>${t("system.config")}</h2>
        <span class="quiet small">${t("config.version", { version: config.version })}${config.updated_by && config.updated_at ? ` · ${config.updated_by} · ${locale.dateTime(config.updated_at)}` : ""}</span></div>
      ${this.where(config)}
      <div class="fields">${RULES.map((name) => this.field(config, name, mayEdit))}</div>
      ${this.scope === "" ? html`<h3>${t("config.plant")}</h3><div class="fields">${PLANT.map((name) => this.field(config, name, mayEdit))}</div>` : nothing}
      ${this.meanwhileNote()} ${this.notes()} ${mayEdit ? this.buttons(config) : nothing}
      ${mayEdit ? this.history(config) : nothing} ${this.atStart(config)}
    </section>${this.dialog()}`;
  }

  private where(config: Config) {
    const ids = [...new Set([...plant.stations.map((station) => station.id), ...Object.keys(config.values.station_rules ?? {})])];
    if (ids.length === 0) return nothing;
    const touched = (scope: Scope) => (this.draft.has(scope) ? " •" : Object.keys(config.values.station_rules?.[scope] ?? {}).length > 0 ? ` (${t("config.differs")})` : "");
    return html`<div class="where"><wa-select label=${t("config.where")} value=${this.scope || "*"}
      @change=${(event: Event) => (this.scope = (event.target as HTMLInputElement).value.replace(/^\*$/, ""))}>
      <wa-option value="*">${t("config.everywhere")}${touched("")}</wa-option>
      ${ids.map((id) => html`<wa-option value=${id}>${plant.nameOf(id)}${touched(id)}</wa-option>`)}
    </wa-select></div>`;
  }

  private field(config: Config, name: Name, mayEdit: boolean) {
    const field = fieldOf(config, name);
    if (field === null) return nothing;
    const { scope } = this;
    const held = textOf(config, scope, name);
    const text = this.draft.get(scope)?.get(name) ?? held;
    const isTouched = this.draft.get(scope)?.has(name) ?? false;
    const isMeanwhile = isTouched && (this.meanwhile?.names.some(([where, what]) => where === scope && what === name) ?? false);
    const wrong = wrongWith(field, text);
    return html`<div class="field ${isTouched ? "touched" : ""} ${isMeanwhile ? "meanwhile" : ""}" data-field=${name}>
      ${this.control(config, field, name, text, mayEdit)}
      ${wrong ? html`<p class="small wrong">${wrong}</p>` : nothing}
      ${isMeanwhile ? html`<p class="small">${t("config.now", { value: held || "–" })}</p>` : nothing}
    </div>`;
  }

  private control(config: Config, field: Field, name: Name, text: string, mayEdit: boolean) {
    const label = t(`config.${name}`);
    const take = (value: string) => (this.draft = typedIn(this.draft, config, this.scope, name, value));
    const choices = typeof field.value === "boolean" ? ["true", "false"] : field.choices;
    const otherwise = this.scope === "" ? defaultText(field) : textOf(config, "", name);
    if (choices === null) {
      return html`<wa-input label=${label} title=${field.description} inputmode=${typeof field.value === "number" ? "decimal" : "text"} ?disabled=${!mayEdit}
        placeholder=${otherwise} .value=${text} @input=${(event: Event) => take((event.target as HTMLInputElement).value)}></wa-input>`;
    }
    const word = (value: string) => (value === "true" ? t("system.yes") : value === "false" ? t("system.no") : value);
    const unset = this.scope === "" ? t("config.as_default", { value: word(otherwise) }) : t("config.as_everywhere", { value: word(otherwise) });
    return html`<wa-select label=${label} title=${field.description} ?disabled=${!mayEdit} value=${text || "*"}
      @change=${(event: Event) => take((event.target as HTMLInputElement).value.replace(/^\*$/, ""))}>
      ${this.scope !== "" || text === "" ? html`<wa-option value="*">${unset}</wa-option>` : nothing}
      ${choices.map((value) => html`<wa-option value=${value}>${word(value)}</wa-option>`)}
    </wa-select>`;
  }

  private buttons(config: Config) {
    const changes = changesIn(this.draft);
    const isWrong = [...this.draft.values()].some((names) => [...names].some(([name, text]) => {
      const field = fieldOf(config, name);
      return field !== null && wrongWith(field, text) !== null;
    }));
    return html`<div class="row">
      <wa-button variant="brand" data-save ?disabled=${changes === 0 || isWrong} ?loading=${this.isBusy} @click=${() => void this.save(config)}>${changes === 0 ? t("stations.save") : t("config.save", { count: changes })}</wa-button>
      ${changes > 0 ? html`<wa-button appearance="outlined" @click=${() => ([this.draft, this.meanwhile] = [UNTOUCHED, null])}>${t("config.discard")}</wa-button>` : nothing}
      <span class="quiet small">${t("config.hint")}</span></div>`;
  }

  private meanwhileNote() {
    if (this.meanwhile === null) return nothing;
    const named = ([scope, name]: readonly [Scope, Name]) => `${scope ? `${plant.nameOf(scope)}: ` : ""}${t(`config.${name}`)}`;
    const { by, names } = this.meanwhile;
    return html`<p class="note meanwhile" role="alert" data-meanwhile>${t("config.meanwhile", { by, names: names.map(named).join(", ") || "–" })}</p>`;
  }

  /** From the version that was read: whoever was quicker is not overwritten unseen. */
  private async save(config: Config): Promise<void> {
    await this.changing(config, async () => {
      const changed = await need(api.POST("/api/v1/config", { body: patchOf(config, this.draft) as Body }));
      [this.config, this.draft, this.meanwhile] = [changed, UNTOUCHED, null];
    }, t("stations.saved_config"));
  }

  private async revert(config: Config, revision: number): Promise<void> {
    this.asked = null;
    await this.changing(config, async () => {
      const changed = await need(api.POST("/api/v1/config/revert/{revision}", { params: { path: { revision } }, body: { version: config.version } }));
      [this.config, this.draft, this.meanwhile] = [changed, rebased(this.draft, changed), null];
    }, t("config.reverted", { version: revision }));
  }

  private async changing(before: Config, work: () => Promise<void>, done: string): Promise<void> {
    this.isBusy = true;
    try {
      await work();
      [this.problem, this.done] = ["", done];
      await this.loadHistory();
      void plant.loadRules().catch(() => undefined);
    } catch (error) {
      this.done = "";
      if (error instanceof ApiError && error.code === "conflict") await this.act(() => this.catchUp(before));
      else this.problem = problemText(error);
    } finally {
      this.isBusy = false;
    }
  }

  /** Somebody was quicker: theirs is shown, and what was typed here stays. */
  private async catchUp(before: Config): Promise<void> {
    await this.load();
    const now = this.config as Config;
    this.meanwhile = { by: now.updated_by ?? "–", names: changedBetween(before, now) };
    this.draft = rebased(this.draft, now);
  }

  private history(config: Config) {
    if (this.total === 0) return nothing;
    return html`<details><summary><ussop-icon name="chevron-down"></ussop-icon>${t("config.history", { count: this.total })}</summary>
      <ol>${this.revisions.map((one) => html`<li data-revision=${one.version}>
        <div><b>${t("config.version", { version: one.version })}</b> <span class="quiet small">· ${one.changed_by} · ${locale.dateTime(one.created_at)}${one.reverted_to === null ? "" : ` · ${t("config.went_back", { version: one.reverted_to })}`}</span>
          ${stepsOf(one).map((step) => html`<br /><span class="small"><span class="mono">${step.name}</span> ${step.before} → <b>${step.after}</b></span>`)}</div>
        ${one.version === config.version
          ? html`<span class="quiet small">${t("config.in_force")}</span>`
          : html`<wa-button size="s" appearance="outlined" data-revert @click=${() => (this.asked = one.version)}>${t("config.back_to_this")}</wa-button>`}
      </li>`)}
      <li><div><b>${t("config.before_first")}</b></div>${config.version === 0 ? nothing : html`<wa-button size="s" appearance="outlined" @click=${() => (this.asked = 0)}>${t("config.back_to_this")}</wa-button>`}</li></ol>
      ${this.revisions.length < this.total ? html`<wa-button size="s" appearance="outlined" @click=${() => void this.act(() => this.loadHistory(500))}>${t("system.older")}</wa-button>` : nothing}
    </details>`;
  }

  /** Read from the environment when the platform starts; shown to those who may know. */
  private atStart(config: Config) {
    const fixed = config.fields.filter((field) => field.restart_needed);
    if (fixed.length === 0) return nothing;
    const value = (field: Field) => (field.is_secret ? (field.is_set ? "•••" : "–") : field.value === null || field.value === "" ? "–" : typeof field.value === "object" ? JSON.stringify(field.value) : String(field.value));
    return html`<details><summary><ussop-icon name="chevron-down"></ussop-icon>${t("config.at_start", { count: fixed.length })}</summary>
      <div class="scroll" role="region" tabindex="0" aria-label=${t("config.at_start", { count: fixed.length })}><table><tbody>${fixed.map(
        (field) => html`<tr title=${field.description}><th scope="row" class="mono">${field.name.toUpperCase()}</th><td class="mono">${value(field)}</td></tr>`)}</tbody></table></div>
    </details>`;
  }

  private dialog() {
    const { asked, config } = this;
    const close = () => (this.asked = null);
    return html`<wa-dialog ?open=${asked !== null} label=${t("config.back_to_this")} @wa-hide=${(event: Event) => event.target === event.currentTarget && close()}>
      <p>${t("config.revert_ask", { version: asked ?? 0 })}</p>
      <wa-button slot="footer" appearance="outlined" @click=${close}>${t("app.cancel")}</wa-button>
      <wa-button slot="footer" variant="brand" data-confirm @click=${() => asked !== null && config !== null && void this.revert(config, asked)}>${t("users.go_on")}</wa-button>
    </wa-dialog>`;
  }
}

function defaultText(field: Field): string {
  if (field.default === null || field.default === undefined) return "";
  return Array.isArray(field.default) ? field.default.join(", ") : String(field.default);
}
