/** The frame around every page: who is signed in, where one can go, and whether the platform is there. */
import { css, html, nothing } from "lit";
import { customElement, state } from "lit/decorators.js";
import { keyed } from "lit/directives/keyed.js";
import { html as staticHtml, unsafeStatic } from "lit/static-html.js";
import { session } from "../api/session";
import { t } from "../i18n/locale";
import { plant } from "../live/plant";
import "../pages/sign-in/sign-in-page";
import "../pages/sign-in/new-password";
import { shared } from "../styles/shared";
import "../parts/icon";
import { UssopElement } from "./element";
import "./navigation";
import { PAGES } from "./pages";
import type { Page } from "./pages";
import { router } from "./router";

@customElement("ussop-app")
export class AppShell extends UssopElement {
  @state() private isStarted = false;
  @state() private loaded = new Set<string>();
  @state() private failed = "";
  private readonly onRoute = () => this.requestUpdate();

  static override styles = [
    shared,
    css`
      :host {
        display: block;
        min-height: 100%;
      }
      .frame {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        height: 100dvh;
      }
      main {
        overflow: auto;
        outline: none;
      }
      .middle {
        display: grid;
        place-content: center;
        justify-items: center;
        gap: 1rem;
        min-height: 60vh;
        padding: 2rem;
        text-align: center;
      }
      .skip {
        position: absolute;
        left: -999rem;
      }
      .skip:focus {
        left: 0.5rem;
        top: 0.5rem;
        z-index: 10;
        padding: 0.5rem 1rem;
        background: var(--u-surface);
      }
      wa-dialog {
        --width: 26rem;
      }
      @media (max-width: 860px) {
        .frame {
          grid-template-columns: minmax(0, 1fr);
          grid-template-rows: auto minmax(0, 1fr) auto;
        }
        ussop-navigation {
          display: contents;
        }
        main {
          grid-row: 2;
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    router.addEventListener("change", this.onRoute);
    void session.start().then(() => {
      plant.followSession();
      this.isStarted = true;
    });
  }

  override disconnectedCallback(): void {
    router.removeEventListener("change", this.onRoute);
    super.disconnectedCallback();
  }

  override render() {
    const user = session.user;
    if (!this.isStarted) return nothing;
    if (user === null && session.interrupted === null) return html`<ussop-sign-in></ussop-sign-in>`;
    if (user?.mustChangePassword) return html`<ussop-new-password></ussop-new-password>`;
    const page = PAGES.find((known) => known.name === router.route.page);
    document.title = page ? `${t(page.title)} · Ussop` : "Ussop";
    return html`
      <a class="skip" href="#content" @click=${this.skip}>${t("app.skip")}</a>
      <div class="frame">
        <ussop-navigation .current=${page?.name ?? ""}></ussop-navigation>
        <main id="content" tabindex="-1">${this.page(page)}</main>
      </div>
      ${user === null ? this.signInAgain() : nothing}
    `;
  }

  private page(page: Page | undefined) {
    if (page === undefined) return html`<div class="middle"><h1>${t("app.page_missing")}</h1></div>`;
    if (session.user !== null && !session.can(page.role)) {
      return html`<div class="middle"><p>${t("app.not_allowed")}</p></div>`;
    }
    if (this.failed === page.name) return this.retry(page);
    if (!this.loaded.has(page.name)) {
      void this.load(page);
      return html`<div class="middle"><wa-spinner></wa-spinner><span class="quiet">${t("app.loading")}</span></div>`;
    }
    const tag = unsafeStatic(page.tag); // from our own table
    return keyed(page.name, staticHtml`<${tag} .route=${router.route}></${tag}>`);
  }

  private retry(page: Page) {
    const again = () => {
      this.failed = "";
      void this.load(page);
    };
    return html`<div class="middle">
      <p>${t("app.page_failed")}</p>
      <wa-button variant="brand" @click=${again}>${t("app.retry")}</wa-button>
    </div>`;
  }

  /** The page stays as it is below, with all that was typed into it. */
  private signInAgain() {
    const stay = (event: Event) => event.target === event.currentTarget && event.preventDefault();
    return html`<wa-dialog open without-header label=${t("sign_in.title")} @wa-hide=${stay}>
      <ussop-sign-in again></ussop-sign-in>
    </wa-dialog>`;
  }

  private async load(page: Page): Promise<void> {
    try {
      await page.load();
      this.loaded = new Set(this.loaded).add(page.name);
    } catch (error) {
      console.warn("a page could not be loaded", error);
      this.failed = page.name;
    }
  }

  private skip(event: Event): void {
    event.preventDefault();
    this.renderRoot.querySelector<HTMLElement>("main")?.focus();
  }
}
