/** Points on a picture: two ends of a known length, or the corners of a region; each can be dragged and moved by keys. */
import { css, html, nothing, svg } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Inspection } from "../../api/client";
import { UssopElement } from "../../app/element";
import { t } from "../../i18n/locale";
import { plate, shared } from "../../styles/shared";
import type { Point } from "./station-data";

@customElement("ussop-drawing")
export class Drawing extends UssopElement {
  @property({ attribute: false }) inspection: Inspection | null = null;
  @property({ attribute: false }) points: readonly Point[] = [];
  /** `board`: the corners are shown, and nobody can move them. */
  @property() mode: "line" | "board" | "region" = "region";
  @state() private held = -1;

  static override styles = [
    shared,
    plate,
    css`
      :host {
        touch-action: none;
      }
      svg {
        display: block;
        width: 100%;
        max-height: 60vh;
        cursor: crosshair;
      }
      .shape {
        fill: rgb(92 184 255 / 22%);
        stroke: #5cb8ff;
      }
      circle {
        fill: #ffd23d;
        stroke: var(--u-plate);
        stroke-width: 2px;
        vector-effect: non-scaling-stroke;
        cursor: move;
      }
    `,
  ];

  override render() {
    const one = this.inspection;
    if (one === null) return nothing;
    const { width_px: width, height_px: height } = one;
    const path = this.points.map(([x, y]) => `${x},${y}`).join(" ");
    const outline = (kind: string) =>
      this.mode === "board" ? nothing : this.mode === "line" ? svg`<polyline class=${kind} points=${path}></polyline>` : svg`<polygon class=${kind} points=${path}></polygon>`;
    const radius = Math.max(width, height) / (this.mode === "board" ? 220 : 90);
    return html`<svg viewBox="0 0 ${width} ${height}" role="application" aria-label=${t(`stations.draw_${this.mode}`)}
      @pointerdown=${this.onDown} @pointermove=${this.onMove} @pointerup=${() => (this.held = -1)} @pointercancel=${() => (this.held = -1)}>
      ${svg`<image href=${one.image_url} width=${width} height=${height}></image>`} ${outline("edge")} ${outline("shape")}
      ${this.points.map(
        ([x, y], index) => this.mode === "board" ? svg`<circle cx=${x} cy=${y} r=${radius}></circle>` : svg`<circle cx=${x} cy=${y} r=${radius} tabindex="0" role="button" aria-label="${index + 1}: ${x}, ${y}"
          @keydown=${(event: KeyboardEvent) => this.onKey(event, index)}></circle>`,
      )}
    </svg>`;
  }

  private at(event: PointerEvent): Point | null {
    const area = this.renderRoot.querySelector("svg");
    const matrix = area?.getScreenCTM();
    if (!matrix || this.inspection === null) return null;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    return this.inside(x, y);
  }

  private inside(x: number, y: number): Point {
    const round = (value: number, most: number) => Math.round(Math.min(most, Math.max(0, value)) * 2) / 2;
    return [round(x, this.inspection?.width_px ?? 0), round(y, this.inspection?.height_px ?? 0)];
  }

  private onDown(event: PointerEvent): void {
    const at = this.at(event);
    if (at === null || event.button !== 0 || this.mode === "board") return;
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    const reach = Math.max(this.inspection?.width_px ?? 0, this.inspection?.height_px ?? 0) / 45;
    this.held = this.points.findIndex(([x, y]) => Math.hypot(x - at[0], y - at[1]) <= reach);
    if (this.held >= 0) return;
    const before = this.mode === "line" && this.points.length >= 2 ? [] : this.points;
    this.held = before.length;
    this.tell([...before, at]);
  }

  private onMove(event: PointerEvent): void {
    const at = this.held < 0 ? null : this.at(event);
    if (at !== null) this.tell(this.points.map((point, index) => (index === this.held ? at : point)));
  }

  private onKey(event: KeyboardEvent, index: number): void {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Delete") this.tell(this.points.filter((_, place) => place !== index));
    if (step === undefined) return;
    event.preventDefault();
    const [dx = 0, dy = 0] = step;
    this.tell(this.points.map(([x, y], place) => (place === index ? this.inside(x + dx, y + dy) : ([x, y] as const))));
  }

  private tell(points: readonly Point[]): void {
    this.points = points;
    this.dispatchEvent(new CustomEvent<readonly Point[]>("points", { detail: points }));
  }
}
