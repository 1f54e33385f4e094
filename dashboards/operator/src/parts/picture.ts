/** A picture with its defects drawn over it; it can be zoomed and moved where `zoomable`. */
import { css, html, nothing, svg } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { classMap } from "lit/directives/class-map.js";
import type { Inspection } from "../api/client";
import { UssopElement } from "../app/element";
import { t } from "../i18n/locale";
import { plate, shared } from "../styles/shared";
import "./icon";
import { shapeOf } from "./overlay-data";
import { WHOLE, moveBy, zoomAt } from "./viewport-data";
import type { View } from "./viewport-data";

const STEP = 1.4;

@customElement("ussop-picture")
export class Picture extends UssopElement {
  @property({ attribute: false }) inspection: Inspection | null = null;
  @property({ type: Boolean }) masks = true;
  @property({ type: Boolean }) boxes = true;
  @property({ type: Boolean }) zoomable = false;
  @property({ type: Number }) chosen = -1;
  @state() private view: View = WHOLE;
  @state() private failed = "";
  private dragging: { x: number; y: number } | null = null;

  static override styles = [
    shared,
    plate,
    css`
      :host {
        border-radius: inherit;
        min-height: 8rem;
      }
      .frame {
        position: absolute;
        inset: 0;
        touch-action: none;
      }
      .stage {
        position: absolute;
        inset: 0;
        transform-origin: 0 0;
      }
      .near img {
        image-rendering: pixelated;
      }
      svg.overlay {
        pointer-events: none;
      }
      .mask {
        fill: rgb(255 77 87 / 34%);
        stroke: #ffd4d6;
        stroke-width: 1.5px;
        vector-effect: non-scaling-stroke;
      }
      .chosen .shape {
        stroke: #ffd23d;
        stroke-width: 4px;
      }
      .missing {
        position: absolute;
        inset: 0;
        display: grid;
        place-content: center;
        justify-items: center;
        gap: 0.5rem;
        padding: 1rem;
        text-align: center;
        color: #b6c2d0;
      }
      .tools {
        position: absolute;
        right: 0.625rem;
        bottom: 0.625rem;
        display: flex;
        gap: 0.25rem;
      }
      .tools button {
        display: grid;
        place-content: center;
        width: 2.75rem;
        height: 2.75rem;
        border: 1px solid rgb(255 255 255 / 25%);
        border-radius: 8px;
        background: rgb(10 14 19 / 80%);
        color: #fff;
        cursor: pointer;
      }
    `,
  ];

  override willUpdate(changed: Map<string, unknown>): void {
    const before = changed.get("inspection") as Inspection | null | undefined;
    if (changed.has("inspection") && before?.id !== this.inspection?.id) {
      this.view = WHOLE;
      this.failed = "";
    }
  }

  override render() {
    const shown = this.inspection;
    if (shown === null) return html`<div class="missing"><ussop-icon name="none"></ussop-icon>${t("picture.none")}</div>`;
    if (shown.picture_deleted_at) return this.missing(t("picture.deleted"));
    if (this.failed === shown.id) return this.missing(t("picture.failed"));
    const { zoom, x, y } = this.view;
    // As a property: Lit's styleMap writes an attribute at first, which the Content-Security-Policy forbids.
    const place = `transform: translate(${x}px, ${y}px) scale(${zoom})`;
    return html`
      <div class="frame" @wheel=${this.onWheel} @pointerdown=${this.onDown} @pointermove=${this.onMove}
        @pointerup=${this.onUp} @pointercancel=${this.onUp}>
        <div class=${classMap({ stage: true, near: zoom > 4 })} .style=${place}>
          <img class="over" src=${shown.image_url} alt=${t("picture.alt", { part: shown.part_id ?? shown.id })} draggable="false"
            @error=${() => (this.failed = shown.id)} />
          <svg class="over overlay" viewBox="0 0 ${shown.width_px} ${shown.height_px}" aria-hidden="true">
            ${shown.detections.map((detection, index) => this.shape(shapeOf(detection), index))}
          </svg>
        </div>
      </div>
      ${this.zoomable ? this.tools() : nothing}
    `;
  }

  private shape({ box, path }: ReturnType<typeof shapeOf>, index: number) {
    const rectangle = (name: string) =>
      svg`<rect class=${name} x=${box.x} y=${box.y} width=${box.width} height=${box.height} rx="1"></rect>`;
    return svg`<g class=${index === this.chosen ? "chosen" : ""}>
      ${this.masks && path ? svg`<path class="mask" d=${path}></path>` : nothing}
      ${this.boxes ? svg`${rectangle("edge")}${rectangle("shape")}` : nothing}
    </g>`;
  }

  private missing(text: string) {
    return html`<div class="missing"><ussop-icon name="empty"></ussop-icon><span>${text}</span></div>`;
  }

  private tools() {
    const button = (icon: string, name: string, act: () => void) =>
      html`<button type="button" title=${name} aria-label=${name} @click=${act}><ussop-icon name=${icon}></ussop-icon></button>`;
    return html`<div class="tools">
      ${button("zoom-out", t("picture.zoom_out"), () => this.zoomMiddle(1 / STEP))}
      ${button("zoom-in", t("picture.zoom_in"), () => this.zoomMiddle(STEP))}
      ${button("fit", t("picture.fit"), () => (this.view = WHOLE))}
    </div>`;
  }

  private zoomMiddle(factor: number): void {
    const { clientWidth: width, clientHeight: height } = this;
    this.view = zoomAt(this.view, factor, width / 2, height / 2, width, height);
  }

  private onWheel(event: WheelEvent): void {
    if (!this.zoomable) return;
    event.preventDefault();
    const frame = this.getBoundingClientRect();
    const factor = Math.exp(-event.deltaY / 400);
    this.view = zoomAt(this.view, factor, event.clientX - frame.x, event.clientY - frame.y, frame.width, frame.height);
  }

  private onDown(event: PointerEvent): void {
    if (!this.zoomable || event.button !== 0) return;
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    this.dragging = { x: event.clientX, y: event.clientY };
  }

  private onMove(event: PointerEvent): void {
    if (this.dragging === null) return;
    const { x, y } = this.dragging;
    this.view = moveBy(this.view, event.clientX - x, event.clientY - y, this.clientWidth, this.clientHeight);
    this.dragging = { x: event.clientX, y: event.clientY };
  }

  private onUp(): void {
    this.dragging = null;
  }
}
