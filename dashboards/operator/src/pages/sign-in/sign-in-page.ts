/** Name and password, on a page of its own or over the page that a session ended on. */
import { html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { session } from "../../api/session";
import { UssopElement } from "../../app/element";
import { problemText } from "../../app/problem";
import { ApiError } from "../../api/errors";
import { t } from "../../i18n/locale";
import "../../parts/icon";
import { shared } from "../../styles/shared";
import { formStyles } from "./form.styles";

@customElement("ussop-sign-in")
export class SignInPage extends UssopElement {
  @property({ type: Boolean, reflect: true }) again = false;
  @state() private isBusy = false;
  @state() private problem = "";

  static override styles = [shared, formStyles];

  override render() {
    return html`<form class="card" @submit=${this.onSubmit}>
      <div class="brand">
        <img src="/favicon.svg" alt="" />
        <div><b>Ussop</b><span class="quiet small">${t("sign_in.tagline")}</span></div>
      </div>
      ${this.again ? html`<p>${t("sign_in.again")}</p>` : html`<h1 class="unseen">${t("sign_in.title")}</h1>`}
      <wa-input name="username" label=${t("sign_in.username")} autocomplete="username" autocapitalize="none" required
        value=${session.interrupted ?? ""} ?autofocus=${!this.again}></wa-input>
      <wa-input name="password" type="password" password-toggle label=${t("sign_in.password")}
        autocomplete="current-password" required></wa-input>
      ${this.problem ? html`<p class="problem" role="alert"><ussop-icon name="fail"></ussop-icon>${this.problem}</p>` : nothing}
      <wa-button type="submit" variant="brand" size="l" ?loading=${this.isBusy}>${t("sign_in.submit")}</wa-button>
    </form>`;
  }

  private async onSubmit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (this.isBusy) return;
    const form = new FormData(event.currentTarget as HTMLFormElement);
    this.isBusy = true;
    this.problem = "";
    try {
      await session.signIn(String(form.get("username")), String(form.get("password")));
    } catch (error) {
      this.problem = error instanceof ApiError && error.status !== 0 ? error.message : problemText(error);
    } finally {
      this.isBusy = false;
    }
  }
}
