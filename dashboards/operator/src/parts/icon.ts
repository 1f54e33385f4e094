/** A picture of the sprite, beside a text or alone with a name of its own. */
import { LitElement, css, svg, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import sprite from "../styles/icons.svg?url";

@customElement("ussop-icon")
export class Icon extends LitElement {
  @property() name = "";

  static override styles = css`
    :host {
      display: inline-block;
      width: 1.25em;
      height: 1.25em;
      flex: none;
      vertical-align: -0.25em;
    }
    svg {
      display: block;
      width: 100%;
      height: 100%;
    }
  `;

  override render() {
    return html`<svg viewBox="0 0 24 24" aria-hidden="true">${svg`<use href="${sprite}#${this.name}"></use>`}</svg>`;
  }
}
