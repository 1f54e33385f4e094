/** What every component of ours is: Lit, drawn anew when language or session change. */
import { LitElement } from "lit";
import { locale } from "../i18n/locale";
import { session } from "../api/session";

export abstract class UssopElement extends LitElement {
  private readonly redraw = () => this.requestUpdate();

  override connectedCallback(): void {
    super.connectedCallback();
    locale.addEventListener("change", this.redraw);
    session.addEventListener("change", this.redraw);
  }

  override disconnectedCallback(): void {
    locale.removeEventListener("change", this.redraw);
    session.removeEventListener("change", this.redraw);
    super.disconnectedCallback();
  }
}
