/** One inspection in full: picture, verdict, defects, how it came about. */
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Inspection } from "../api/client";
import { UssopElement } from "../app/element";
import { locale, t } from "../i18n/locale";
import { plant } from "../live/plant";
import { facts, shared } from "../styles/shared";
import "./defects";
import "./picture";
import "./timings";
import "./verdict";

@customElement("ussop-result")
export class Result extends UssopElement {
  @property({ attribute: false }) inspection!: Inspection;
  @property() curl = "";
  @property({ type: Boolean }) masks = true;
  @property({ type: Boolean }) boxes = true;
  @state() private chosen = -1;
  @state() private isCopied = false;

  static override styles = [
    shared,
    facts,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1.6fr) minmax(18rem, 1fr);
        gap: 1rem;
        align-items: start;
      }
      .picture {
        position: relative;
        aspect-ratio: 4 / 3;
        max-height: 70vh;
        width: 100%;
        overflow: hidden;
      }
      ussop-picture {
        position: absolute;
        inset: 0;
      }
      .side,
      .main {
        display: grid;
        gap: 0.875rem;
        min-width: 0;
      }
      section {
        padding: 0.875rem 1.125rem;
      }
      section h2 {
        margin-bottom: 0.5rem;
      }
      .switches {
        display: flex;
        gap: 1.25rem;
      }
      dl.facts {
        grid-template-columns: auto 1fr;
        font-size: 0.9375rem;
      }
      pre {
        margin: 0 0 0.625rem;
        padding: 0.75rem;
        border-radius: 8px;
        background: var(--u-sunken);
        font-family: var(--u-mono);
        font-size: 0.8125rem;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      @media (max-width: 860px) {
        :host {
          grid-template-columns: minmax(0, 1fr);
          --verdict-size: 13vw;
        }
      }
    `,
  ];

  override render() {
    const one = this.inspection;
    const fact = (name: string, value: unknown) => html`<dt>${name}</dt><dd class="number">${value}</dd>`;
    return html`
      <div class="main">
        <div class="picture card">
          <ussop-picture .inspection=${one} .chosen=${this.chosen} ?masks=${this.masks} ?boxes=${this.boxes} zoomable></ussop-picture>
        </div>
        <div class="switches">
          <wa-switch ?checked=${this.masks} @change=${() => (this.masks = !this.masks)}>${t("picture.masks")}</wa-switch>
          <wa-switch ?checked=${this.boxes} @change=${() => (this.boxes = !this.boxes)}>${t("picture.boxes")}</wa-switch>
        </div>
        ${this.curl ? this.call() : nothing}
      </div>
      <div class="side">
        <ussop-verdict size="huge" decision=${one.decision}></ussop-verdict>
        ${one.overruled_to
          ? html`<section class="card" data-overruled>
              <h2><ussop-icon name="gavel"></ussop-icon> ${t("history.overruled")} <ussop-verdict decision=${one.overruled_to}></ussop-verdict></h2>
              <p>${one.overrule_reason}</p>
              <p class="quiet small">${one.overruled_by}${one.overruled_at ? ` · ${locale.dateTime(one.overruled_at)}` : ""}</p>
            </section>`
          : nothing}
        <section class="card">
          <h2>${t("live.defects")}</h2>
          <ussop-defects .detections=${one.detections} @choose=${(event: CustomEvent<number>) => (this.chosen = event.detail)}></ussop-defects>
        </section>
        <section class="card">
          <dl class="facts">
            ${fact(t("live.station"), plant.nameOf(one.station_id))} ${fact(t("live.part"), one.part_id ?? "–")}
            ${fact(t("history.time"), locale.dateTime(one.created_at))}
            ${fact(t("live.confidence"), locale.percent(one.confidence, 1))}
            ${fact(t("live.model"), `${one.model_name} ${one.model_version}`)}
            ${fact(t("history.backend"), one.backend)}
            ${Object.entries(one.thresholds).map(([name, { accept_below, reject_above }]) =>
              fact(`${t("history.thresholds")} ${name}`, `${locale.number(accept_below, 2)} – ${locale.number(reject_above, 2)}`),
            )}
          </dl>
        </section>
        <section class="card">
          <h2>${t("inspect.timings")} <span class="quiet number">${locale.number(one.total_time_ms)} ms</span></h2>
          <ussop-timings .timings=${one.timings_ms}></ussop-timings>
        </section>
      </div>
    `;
  }

  private call() {
    return html`<section class="card">
      <h2>${t("inspect.curl")}</h2>
      <pre>${this.curl}</pre>
      <wa-button size="s" appearance="outlined" @click=${this.copy}>
        <ussop-icon slot="start" name=${this.isCopied ? "check" : "copy"}></ussop-icon>${this.isCopied ? t("app.copied") : t("app.copy")}
      </wa-button>
    </section>`;
  }

  private async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.curl);
      this.isCopied = true;
      setTimeout(() => (this.isCopied = false), 2_000);
    } catch {
      // Not on a page without TLS: the text can be selected and copied by hand.
      getSelection()?.selectAllChildren(this.renderRoot.querySelector("pre") as HTMLElement);
    }
  }
}
