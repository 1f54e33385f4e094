/** A decision as sign, word and colour: colour is never the only one of the three. */
import { css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Decision } from "../api/client";
import { UssopElement } from "../app/element";
import { t } from "../i18n/locale";
import { shared } from "../styles/shared";
import "./icon";

@customElement("ussop-verdict")
export class Verdict extends UssopElement {
  @property({ reflect: true }) decision: Decision | "none" = "none";
  @property({ reflect: true }) size: "small" | "large" | "huge" = "small";
  @property({ type: Boolean, reflect: true }) stale = false;

  static override styles = [
    shared,
    css`
      :host {
        display: inline-flex;
        align-items: center;
        gap: 0.4em;
        padding: 0.15em 0.6em;
        border-radius: 6px;
        font-weight: 650;
        white-space: nowrap;
        color: var(--u-none);
        background: var(--u-none-soft);
      }
      :host([decision="pass"]) {
        color: var(--u-pass);
        background: var(--u-pass-soft);
      }
      :host([decision="fail"]) {
        color: var(--u-fail);
        background: var(--u-fail-soft);
      }
      :host([decision="uncertain"]) {
        color: var(--u-uncertain);
        background: var(--u-uncertain-soft);
      }
      :host([size="large"]),
      :host([size="huge"]) {
        color: #fff;
        background: var(--u-none-loud);
        letter-spacing: 0.02em;
        text-transform: uppercase;
      }
      :host([size="large"]) {
        font-size: 1.375rem;
        padding: 0.3em 0.7em;
      }
      :host([size="huge"]) {
        display: block;
        container-type: inline-size;
        padding: 0;
        border-radius: var(--u-radius);
        font-weight: 800;
      }
      .sign {
        display: inherit;
        align-items: center;
        gap: inherit;
      }
      /* As large as the place allows for this word in this language: half a word cannot be read from five metres. */
      :host([size="huge"]) .sign {
        display: flex;
        justify-content: center;
        gap: 0.35em;
        padding: var(--verdict-room, 0.18em) 0.2em;
        font-size: clamp(1.5rem, min(var(--verdict-size, 5.5vw), 100cqi / var(--ems)), 6.5rem);
        line-height: 1.15;
      }
      :host([size="huge"]) ussop-icon {
        width: 0.95em;
        height: 0.95em;
        vertical-align: 0;
      }
      :host([decision="pass"]:is([size="large"], [size="huge"])) {
        background: var(--u-pass-loud);
      }
      :host([decision="fail"]:is([size="large"], [size="huge"])) {
        background: var(--u-fail-loud);
      }
      :host([decision="uncertain"]:is([size="large"], [size="huge"])) {
        background: var(--u-uncertain-loud);
      }
      :host([stale]:is([size="large"], [size="huge"])) {
        background: repeating-linear-gradient(-45deg, #566476 0 14px, #4d5a6b 14px 28px);
        color: #e3e8ee;
      }
    `,
  ];

  override render() {
    const word = t(`decision.${this.decision}`);
    return html`<span class="sign" .style=${`--ems: ${widthOf(word)}`}><ussop-icon name=${this.decision}></ussop-icon><span>${word}</span></span>`;
  }
}

/** Roughly how wide sign and word are, in sizes of the font: capitals, heavy. */
export function widthOf(word: string): number {
  const letters = [...word].reduce((sum, letter) => sum + (letter > "\u2e80" ? 1.05 : 0.8), 0);
  return Math.round((letters + 1.9) * 100) / 100;
}
