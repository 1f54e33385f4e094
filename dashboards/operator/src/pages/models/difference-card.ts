/** A part that two versions judge differently: both verdicts, what that means, and both views of it. */
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Decision } from "../../api/client";
import { pictureOf } from "../../api/raw";
import { UssopElement } from "../../app/element";
import { problemText } from "../../app/problem";
import { t } from "../../i18n/locale";
import "../../parts/icon";
import "../../parts/verdict";
import { shared } from "../../styles/shared";
import { isWorse } from "./comparison-data";
import type { Difference } from "./comparison-data";

@customElement("ussop-difference-card")
export class DifferenceCard extends UssopElement {
  @property({ attribute: false }) difference!: Difference;
  @property() version = "";
  @property() against = "";
  @state() private address = "";
  @state() private problem = "";
  private asked = "";
  private readonly seen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && void this.load());

  static override styles = [
    shared,
    css`
      :host {
        display: block;
      }
      article {
        display: grid;
        height: 100%;
        grid-template-rows: auto 1fr auto;
        overflow: hidden;
      }
      .effect {
        display: flex;
        align-items: center;
        gap: 0.5rem;
        padding: 0.625rem 1rem;
        background: var(--u-pass-soft);
        color: var(--u-pass);
        font-weight: 650;
      }
      .worse .effect {
        background: var(--u-fail-soft);
        color: var(--u-fail);
      }
      .less_sure .effect {
        background: var(--u-uncertain-soft);
        color: var(--u-uncertain);
      }
      .picture {
        display: grid;
        place-items: center;
        min-height: 9rem;
        border: 0;
        padding: 0;
        background: var(--u-plate);
        color: #b6c2d0;
        font: inherit;
      }
      button.picture {
        cursor: zoom-in;
      }
      img {
        display: block;
        width: 100%;
        max-height: 60vh;
        object-fit: contain;
      }
      .words {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
        gap: 0.25rem 1rem;
        padding: 0.75rem 1rem;
      }
      .words .small {
        grid-column: 1 / -1;
        overflow-wrap: anywhere;
      }
      .side {
        display: grid;
        gap: 0.125rem;
        justify-items: start;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.seen.observe(this);
  }

  override disconnectedCallback(): void {
    this.seen.disconnect();
    if (this.address) URL.revokeObjectURL(this.address);
    [this.address, this.asked] = ["", ""];
    super.disconnectedCallback();
  }

  override render() {
    const { part, effect } = this.difference;
    const side = (name: string, decision: string) => html`<div class="side">
      <span class="quiet small">${name}</span><ussop-verdict decision=${decision as Decision}></ussop-verdict></div>`;
    return html`<article class="card ${effect} ${isWorse(effect) ? "worse" : ""}">
      <p class="effect"><ussop-icon name=${isWorse(effect) ? (effect === "less_sure" ? "uncertain" : "fail") : "pass"}></ussop-icon>${t(`compare.${effect}`)}</p>
      ${this.picture()}
      <div class="words">
        ${side(t("models.version", { version: this.version }), part.candidate)} ${side(t("models.version", { version: this.against }), part.deployed)}
        <span class="quiet small">${t(`compare.truth_${part.truth}`)} · ${part.picture}</span>
      </div>
    </article>`;
  }

  private picture() {
    const { part } = this.difference;
    if (part.shown_in === null) return html`<div class="picture"><p class="small">${t("compare.not_drawn")}</p></div>`;
    if (this.problem) return html`<div class="picture"><p class="small">${this.problem}</p></div>`;
    if (!this.address) return html`<div class="picture"><wa-spinner></wa-spinner></div>`;
    const open = () => this.dispatchEvent(new CustomEvent<string>("enlarge", { detail: this.address }));
    return html`<button type="button" class="picture" aria-label=${t("compare.enlarge", { picture: part.picture })} @click=${open}>
      <img src=${this.address} alt="" /></button>${nothing}`;
  }

  private async load(): Promise<void> {
    const { part, number } = this.difference;
    const path = `/api/v1/models/${this.version}/gate/pictures/${number}`;
    if (part.shown_in === null || this.asked === path) return;
    this.asked = path;
    try {
      const address = await pictureOf(path);
      if (this.isConnected) this.address = address;
      else URL.revokeObjectURL(address);
    } catch (error) {
      this.problem = problemText(error);
    }
  }
}
