/** The way to every page: a rail at the side, on a phone a bar above and one below. */
import { html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { session } from "../api/session";
import { LANGUAGES, locale, t } from "../i18n/locale";
import type { Language } from "../i18n/locale";
import { plant } from "../live/plant";
import "../parts/icon";
import { shared } from "../styles/shared";
import { UssopElement } from "./element";
import { HOME, PAGES } from "./pages";
import type { Page } from "./pages";
import { theme } from "./preferences";
import { ROLES, reaches } from "../api/session-data";
import { navigationStyles } from "./navigation.styles";
import { router } from "./router";

const ON_PHONE = 4; // beside them "more"

@customElement("ussop-navigation")
export class Navigation extends UssopElement {
  @property() current = "";
  private readonly redrawNow = () => this.requestUpdate();

  static override styles = [shared, navigationStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    plant.addEventListener("change", this.redrawNow);
    theme.addEventListener("change", this.redrawNow);
  }

  override disconnectedCallback(): void {
    plant.removeEventListener("change", this.redrawNow);
    theme.removeEventListener("change", this.redrawNow);
    super.disconnectedCallback();
  }

  override render() {
    const pages = PAGES.filter((page) => session.can(page.role));
    return html`
      <div class="bar">
        <a class="brand" href="/${HOME}" data-page=${HOME}><img src="/favicon.svg" alt="" /><span>Ussop</span></a>
        <div class="state">${this.link()}</div>
        <div class="tools">${this.tools()}</div>
      </div>
      <nav aria-label=${t("app.menu")}>
        ${pages.map((page, index) => this.entry(page, index >= ON_PHONE ? "wide" : ""))}
        ${pages.length > ON_PHONE ? this.more(pages.slice(ON_PHONE)) : nothing}
      </nav>
    `;
  }

  private entry(page: Page, kind: string) {
    const isHere = page.name === this.current;
    const count = page.name === "alerts" ? plant.openAlerts : 0;
    return html`<a class="entry ${kind}" href="/${page.name}" data-page=${page.name} aria-current=${isHere ? "page" : nothing}>
      <ussop-icon name=${page.icon}></ussop-icon><span class="name">${t(page.title)}</span>
      ${count > 0 ? html`<span class="count number">${count > 99 ? "99+" : count}</span>` : nothing}
    </a>`;
  }

  private more(pages: readonly Page[]) {
    const isHere = pages.some((page) => page.name === this.current);
    return html`<wa-dropdown class="phone" placement="top-end" @wa-select=${this.onMore}>
      <button slot="trigger" class="entry" type="button" aria-current=${isHere ? "page" : nothing}>
        <ussop-icon name="more"></ussop-icon><span class="name">${t("app.more")}</span>
      </button>
      ${pages.map((page) => html`<wa-dropdown-item value=${page.name}>${t(page.title)}</wa-dropdown-item>`)}
    </wa-dropdown>`;
  }

  private link() {
    const { phase } = plant.feed.link;
    return html`<span class="link ${phase}" role="status">
      <span class="lamp"></span><span class="word">${t(`link.${phase}`)}</span>
    </span>`;
  }

  private tools() {
    const user = session.user;
    const name = user?.username ?? session.interrupted ?? "";
    const role = [...ROLES].reverse().find((one) => user !== null && reaches(user.roles, one)) ?? "viewer";
    const isDark = theme.current === "dark";
    const colours = isDark ? t("app.to_light") : t("app.to_dark");
    return html`
      <button class="tool" type="button" title=${colours} aria-label=${colours} @click=${() => theme.toggle()}>
        <ussop-icon name=${isDark ? "sun" : "moon"}></ussop-icon>
      </button>
      <wa-dropdown @wa-select=${this.onLanguage}>
        <button slot="trigger" class="tool" type="button" title=${t("app.language")} aria-label=${t("app.language")}>
          <ussop-icon name="language"></ussop-icon>
        </button>
        ${Object.entries(LANGUAGES).map(
          ([code, own]) => html`<wa-dropdown-item value=${code} type="checkbox" ?checked=${code === locale.language}
            lang=${code}>${own}</wa-dropdown-item>`,
        )}
      </wa-dropdown>
      <wa-dropdown @wa-select=${this.onAccount}>
        <button slot="trigger" class="tool account" type="button" title=${t("app.account", { name })}>
          <span class="face" aria-hidden="true">${name.slice(0, 1).toUpperCase()}</span>
          <span class="who"><b>${name}</b> <small>${t(`role.${role}`)}</small></span>
        </button>
        <wa-dropdown-item value="sign-out">
          <ussop-icon slot="icon" name="sign-out"></ussop-icon>${t("app.sign_out")}
        </wa-dropdown-item>
      </wa-dropdown>
    `;
  }

  private chosen(event: CustomEvent<{ item: { value: string } }>): string {
    return event.detail.item.value;
  }

  private onMore(event: CustomEvent): void {
    router.go(this.chosen(event));
  }

  private onLanguage(event: CustomEvent): void {
    locale.choose(this.chosen(event) as Language);
  }

  private onAccount(): void {
    session.signOut().catch((error: unknown) => console.warn("signing out was not told to the server", error));
  }
}
