/** A chart. ECharts is fetched with the first one that is shown, never before. */
import { css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { theme } from "../app/preferences";
import { UssopElement } from "../app/element";
import type { ChartHandle, ChartOption } from "./echarts";

@customElement("ussop-chart")
export class Chart extends UssopElement {
  @property({ attribute: false }) option: ChartOption | null = null;
  @property() label = "";
  private handle: ChartHandle | null = null;
  private readonly sizes = new ResizeObserver(() => this.handle?.resize());
  private readonly onTheme = () => this.draw();

  static override styles = css`
    :host {
      display: block;
      height: 14rem;
    }
    .room {
      width: 100%;
      height: 100%;
    }
  `;

  override connectedCallback(): void {
    super.connectedCallback();
    theme.addEventListener("change", this.onTheme);
    this.sizes.observe(this);
  }

  override disconnectedCallback(): void {
    theme.removeEventListener("change", this.onTheme);
    this.sizes.disconnect();
    this.handle?.dispose();
    this.handle = null;
    super.disconnectedCallback();
  }

  override render() {
    return html`<div class="room" role="img" aria-label=${this.label}></div>`;
  }

  override updated(): void {
    void this.prepare();
  }

  private async prepare(): Promise<void> {
    if (this.handle === null) {
      const { openChart } = await import("./echarts");
      const room = this.renderRoot.querySelector<HTMLElement>(".room");
      if (!this.isConnected || room === null) return;
      this.handle ??= openChart(room);
    }
    this.draw();
  }

  private draw(): void {
    if (this.handle === null || this.option === null) return;
    const colours = getComputedStyle(this);
    const colour = (name: string) => colours.getPropertyValue(name).trim();
    this.handle.draw(this.option, { text: colour("--u-quiet"), line: colour("--u-line"), surface: colour("--u-surface") });
  }
}
