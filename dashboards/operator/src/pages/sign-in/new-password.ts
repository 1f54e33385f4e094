/** A password of one's own, before anything else: for those whose password somebody else knows. */
import { html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { ApiError } from "../../api/errors";
import { session } from "../../api/session";
import { UssopElement } from "../../app/element";
import { problemText } from "../../app/problem";
import { t } from "../../i18n/locale";
import "../../parts/icon";
import { plant } from "../../live/plant";
import { shared } from "../../styles/shared";
import { formStyles } from "./form.styles";

@customElement("ussop-new-password")
export class NewPassword extends UssopElement {
  @state() private isBusy = false;
  @state() private problem = "";

  static override styles = [shared, formStyles];

  override render() {
    const field = (name: string, label: string, kind: string) =>
      html`<wa-input name=${name} type="password" password-toggle label=${label} autocomplete=${kind} required></wa-input>`;
    return html`<form class="card" @submit=${this.onSubmit}>
      <h1>${t("password.title")}</h1>
      <p class="quiet">${t("password.why")}</p>
      ${field("old", t("password.old"), "current-password")} ${field("new", t("password.new"), "new-password")}
      ${field("repeat", t("password.repeat"), "new-password")}
      ${this.problem ? html`<p class="problem" role="alert"><ussop-icon name="fail"></ussop-icon>${this.problem}</p>` : nothing}
      <wa-button type="submit" variant="brand" size="l" ?loading=${this.isBusy}>${t("password.submit")}</wa-button>
      <wa-button type="button" appearance="plain" @click=${() => void session.signOut()}>${t("app.sign_out")}</wa-button>
    </form>`;
  }

  private async onSubmit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    if (form.get("new") !== form.get("repeat")) {
      this.problem = t("password.differ");
      return;
    }
    this.isBusy = true;
    this.problem = "";
    try {
      await session.changePassword(String(form.get("old")), String(form.get("new")));
      plant.followSession();
    } catch (error) {
      this.problem = error instanceof ApiError && error.status !== 0 ? error.message : problemText(error);
    } finally {
      this.isBusy = false;
    }
  }
}
