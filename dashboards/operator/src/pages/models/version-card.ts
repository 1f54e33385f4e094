/** One version of the model: how good it is, what the gate said, and what may be done with it. */
import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { session } from "../../api/session";
import { UssopElement } from "../../app/element";
import { formatRoute } from "../../app/route-data";
import { locale, t } from "../../i18n/locale";
import "../../parts/icon";
import { gateHeadlines } from "../../parts/said-data";
import { shared } from "../../styles/shared";
import { figureWords } from "./figure-data";
import { actionsOf, figuresOf, proofsOf } from "./model-data";
import type { Version } from "./model-data";

export type Act = "deploy" | "rollback" | "gate";

@customElement("ussop-version-card")
export class VersionCard extends UssopElement {
  @property({ attribute: false }) version!: Version;
  /** What is being done with it now, in words. */
  @property() busy = "";
  /** Only what may be done, for a place that says the rest itself. */
  @property({ type: Boolean }) bare = false;
  @property({ type: Boolean }) comparable = false;

  static override styles = [
    shared,
    css`
      article {
        display: grid;
        gap: 0.75rem;
        padding: 1.125rem 1.25rem;
      }
      article.active {
        border-color: var(--u-pass);
        box-shadow: inset 4px 0 0 var(--u-pass);
      }
      .tag {
        padding: 0.125rem 0.625rem;
        border-radius: 999px;
        background: var(--u-none-soft);
        color: var(--u-none);
        font-size: 0.8125rem;
        font-weight: 650;
      }
      .tag.deployed,
      .tag.passed {
        background: var(--u-pass-soft);
        color: var(--u-pass);
      }
      .tag.candidate {
        background: var(--u-accent-soft);
        color: var(--u-accent);
      }
      .tag.blocked {
        background: var(--u-fail-soft);
        color: var(--u-fail);
      }
      .tag.overridden {
        background: var(--u-uncertain-soft);
        color: var(--u-uncertain);
      }
      .button {
        display: inline-flex;
        align-items: center;
        gap: 0.5rem;
        min-height: 2.75rem;
        padding: 0 0.25rem;
        font-weight: 600;
      }
      dl {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(7rem, 1fr));
        gap: 0.5rem 1.25rem;
      }
      dt {
        font-size: 0.8125rem;
        color: var(--u-quiet);
      }
      dd {
        font-size: 1.125rem;
        font-weight: 700;
      }
    `,
  ];

  override render() {
    const one = this.version;
    const figures = figuresOf(one.metrics).map(figureWords);
    const below = this.busy ? html`<p class="row" role="status"><wa-spinner></wa-spinner>${this.busy}</p>` : this.buttons();
    if (this.bare) return html`<div class="row"><span class="tag ${one.status}">${t(`models.status_${one.status}`)}</span>${below}</div>`;
    return html`<article class="card ${one.active ? "active" : ""}">
      <div class="row spread">
        <div class="row">
          <h2>${t("models.version", { version: one.version })}</h2>
          <span class="tag ${one.status}">${t(`models.status_${one.status}`)}</span>
          <span class="tag ${one.gate ?? ""}">${t("models.gate")}: ${t(`models.gate_${one.gate ?? "none"}`)}</span>
        </div>
        ${one.mlflow_url ? html`<a href=${one.mlflow_url} target="_blank" rel="noopener">${t("models.mlflow")}</a>` : nothing}
      </div>
      <p class="quiet small">${this.facts().join(" · ")}</p>
      ${one.gate_reasons ? html`<p class="small">${gateHeadlines(one.gate_reasons, one.gate_reason_codes)}</p>` : nothing}
      ${figures.length > 0
        ? html`<dl>${figures.map((figure) => html`<div><dt>${figure.name}</dt><dd class="number">${figure.value}</dd></div>`)}</dl>`
        : nothing}
      ${proofsOf(one.metrics).map((proof) => html`<p class="small proof">${t(`models.proof_${proof.kind}`, { share: locale.percent(proof.share, 1), limit: locale.percent(proof.atMost, 1) })}
        ${t(proof.state === "missing" ? `models.proof_missing_${proof.kind}` : `models.proof_${proof.state}`, { allowed: locale.percent(proof.allowed, 1), parts: locale.number(proof.parts) })}</p>`)}
      ${below}
    </article>`;
  }

  private facts(): readonly string[] {
    const one = this.version;
    const made = one.created_at ? `${t("models.created")} ${locale.dateTime(one.created_at)}` : "";
    const used = one.deployed_at ? `${t("models.deployed_at")} ${locale.dateTime(one.deployed_at)}` : "";
    return [`${one.name} ${one.bundle_version ?? ""}`.trim(), made, used].filter(Boolean);
  }

  private buttons() {
    const may = actionsOf(this.version);
    const compare = this.comparable
      ? html`<a class="button" data-page="models" href=${formatRoute("models", [this.version.id])}><ussop-icon name="compare"></ussop-icon>${t("compare.open")}</a>`
      : nothing;
    if (!session.can("engineer") || !(may.deploy || may.rollback)) return compare === nothing ? nothing : html`<div class="row">${compare}</div>`;
    const ask = (act: Act) => () => this.dispatchEvent(new CustomEvent<Act>("act", { detail: act }));
    return html`<div class="row">
      ${may.gate ? html`<wa-button variant="brand" @click=${ask("gate")}>${t("models.gate_run")}</wa-button>` : nothing}
      ${may.deploy
        ? html`<wa-button appearance="outlined" @click=${ask("deploy")}><ussop-icon slot="start" name="deploy"></ussop-icon>${t("models.deploy")}</wa-button>`
        : nothing}
      ${may.rollback
        ? html`<wa-button appearance="outlined" @click=${ask("rollback")}><ussop-icon slot="start" name="rollback"></ussop-icon>${t("models.rollback")}</wa-button>`
        : nothing}
      ${compare}
    </div>`;
  }
}
