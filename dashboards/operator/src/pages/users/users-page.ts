/** Who may do what: people and API keys. */
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { api, need } from "../../api/client";
import type { Schemas } from "../../api/client";
import { ROLES, reaches } from "../../api/session-data";
import type { Role } from "../../api/session-data";
import { session } from "../../api/session";
import { WorkingPage } from "../../app/working-page";
import { locale, t } from "../../i18n/locale";
import { pageLayout, shared, sheet } from "../../styles/shared";

type User = Schemas["UserOut"];
type Key = Schemas["ApiKeyOut"];

@customElement("ussop-users-page")
export class UsersPage extends WorkingPage {
  @state() private users: readonly User[] = [];
  @state() private keys: readonly Key[] = [];
  @state() private secret = "";
  @state() private asked: { readonly title: string; readonly work: () => Promise<void> } | null = null;

  static override styles = [
    shared,
    pageLayout,
    sheet,
    css`
      select {
        min-height: 2.75rem;
        padding: 0 0.625rem;
        border: 1px solid var(--u-line-strong);
        border-radius: 6px;
        background: var(--u-surface);
        color: var(--u-text);
        font: inherit;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    void this.act(() => this.load());
  }

  private async load(): Promise<void> {
    const [users, keys] = await Promise.all([need(api.GET("/api/v1/users")), need(api.GET("/api/v1/api-keys"))]);
    [this.users, this.keys] = [users.users, keys.api_keys];
  }

  override render() {
    return html`
      <header class="page"><h1>${t("users.title")}</h1></header>
      ${this.notes()}
      ${this.secret ? html`<p class="note" role="status">${t("users.secret")} <b class="mono" data-secret>${this.secret}</b></p>` : nothing}
      <div class="columns">${this.userList()} ${this.newUser()} ${this.keyList()} ${this.newKey()}</div>
      ${this.dialog()}
    `;
  }

  private userList() {
    return html`<section class="card"><h2>${t("users.people")}</h2>
      <div class="scroll" role="region" tabindex="0" aria-label=${t("users.title")}><table>
        <thead><tr><th scope="col">${t("sign_in.username")}</th><th scope="col">${t("users.role")}</th><th scope="col">${t("users.active")}</th><th scope="col"></th></tr></thead>
        <tbody>${this.users.filter((user) => !user.is_platform).map((user) => this.userRow(user))}</tbody>
      </table></div></section>`;
  }

  private userRow(user: User) {
    const isMe = user.id === session.user?.userId;
    const role = [...ROLES].reverse().find((one) => reaches(user.roles, one)) ?? "viewer";
    const put = (body: object) => void this.act(async () => {
      await need(api.PUT("/api/v1/users/{user_id}", { params: { path: { user_id: user.id } }, body }));
      await this.load();
    }, t("users.changed", { name: user.username }));
    const remove = async () => {
      await need(api.DELETE("/api/v1/users/{user_id}", { params: { path: { user_id: user.id } } }));
      await this.load();
    };
    return html`<tr><th scope="row">${user.username}</th>
      <td><select aria-label="${user.username}: ${t("users.role")}" ?disabled=${isMe} @change=${(event: Event) => put({ roles: [(event.target as HTMLSelectElement).value] })}>
        ${ROLES.map((one) => html`<option value=${one} ?selected=${one === role}>${t(`role.${one}`)}</option>`)}</select></td>
      <td><wa-switch ?checked=${user.is_active} ?disabled=${isMe} @change=${() => put({ is_active: !user.is_active })}><span class="unseen">${user.username}: ${t("users.active")}</span></wa-switch></td>
      <td class="number">${isMe ? nothing : html`<wa-button size="s" variant="danger" appearance="outlined" @click=${() => (this.asked = { title: t("users.delete", { name: user.username }), work: remove })}>${t("review.delete")}</wa-button>`}</td></tr>`;
  }

  private roleSelect(value: Role) {
    return html`<wa-select name="role" label=${t("users.role")} value=${value}>${ROLES.map((one) => html`<wa-option value=${one}>${t(`role.${one}`)}</wa-option>`)}</wa-select>`;
  }

  private newUser() {
    return html`<form class="card" data-user @submit=${this.onUser}><h2>${t("users.new")}</h2>
      <wa-input name="username" label=${t("sign_in.username")} required maxlength="64" autocomplete="off"></wa-input>
      <wa-input name="password" type="password" password-toggle label=${t("users.first_password")} required autocomplete="new-password"></wa-input>
      ${this.roleSelect("operator")}
      <wa-button type="submit" variant="brand" ?loading=${this.isBusy}>${t("users.make")}</wa-button></form>`;
  }

  private keyList() {
    return html`<section class="card"><h2>${t("users.keys")}</h2>
      ${this.keys.length === 0 ? html`<p class="quiet">${t("users.no_keys")}</p>` : nothing}
      <div class="scroll" role="region" tabindex="0" aria-label=${t("users.title")}><table><tbody>${this.keys.map(
        (key) => html`<tr><th scope="row">${key.name}<br /><span class="mono quiet">${key.prefix}…</span></th><td>${t(`role.${key.role}`)}</td>
          <td class="small">${key.last_used_at ? locale.dateTime(key.last_used_at) : "–"}</td>
          <td class="number"><wa-button size="s" variant="danger" appearance="outlined" @click=${() => (this.asked = { title: t("users.revoke_ask", { name: key.name }), work: () => this.revoke(key) })}>${t("users.revoke")}</wa-button></td></tr>`,
      )}</tbody></table></div></section>`;
  }

  private newKey() {
    return html`<form class="card" data-key @submit=${this.onKey}><h2>${t("users.new_key")}</h2>
      <wa-input name="name" label=${t("users.key_name")} required maxlength="64"></wa-input>
      ${this.roleSelect("operator")}
      <wa-button type="submit" variant="brand" ?loading=${this.isBusy}>${t("users.make")}</wa-button></form>`;
  }

  private dialog() {
    const close = () => (this.asked = null);
    const confirm = () => {
      const work = this.asked?.work;
      this.asked = null;
      if (work) void this.act(work);
    };
    return html`<wa-dialog ?open=${this.asked !== null} label=${this.asked?.title ?? ""} @wa-hide=${(event: Event) => event.target === event.currentTarget && close()}>
      <p>${t("users.sure")}</p>
      <wa-button slot="footer" appearance="outlined" @click=${close}>${t("app.cancel")}</wa-button>
      <wa-button slot="footer" variant="danger" data-confirm @click=${confirm}>${t("users.go_on")}</wa-button></wa-dialog>`;
  }

  private async revoke(key: Key): Promise<void> {
    await need(api.DELETE("/api/v1/api-keys/{key_id}", { params: { path: { key_id: key.id } } }));
    await this.load();
  }

  private onUser(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const body = { username: String(data.get("username")), password: String(data.get("password")), roles: [String(data.get("role")) as Role], must_change_password: true };
    void this.act(async () => {
      await need(api.POST("/api/v1/users", { body }));
      form.reset();
      await this.load();
    }, t("users.changed", { name: body.username }));
  }

  private onKey(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    void this.act(async () => {
      const made = await need(api.POST("/api/v1/api-keys", { body: { name: String(data.get("name")), role: String(data.get("role")) as Role } }));
      this.secret = made.key;
      form.reset();
      await this.load();
    });
  }
}
