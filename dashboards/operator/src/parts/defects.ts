/** The defects of a part as a list: class, score, size. */
import { css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Detection } from "../api/client";
import { UssopElement } from "../app/element";
import { locale, t } from "../i18n/locale";
import { shared, tables } from "../styles/shared";

@customElement("ussop-defects")
export class Defects extends UssopElement {
  @property({ attribute: false }) detections: readonly Detection[] = [];

  static override styles = [
    shared,
    tables,
    css`
      :host {
        display: block;
      }
      tr:last-child td {
        border-bottom: 0;
      }
      td:first-child {
        font-weight: 600;
      }
    `,
  ];

  override render() {
    if (this.detections.length === 0) return html`<p class="quiet">${t("defects.none")}</p>`;
    return html`<table>
      <thead>
        <tr>
          <th scope="col">${t("defects.class")}</th>
          <th scope="col" class="number">${t("defects.score")}</th>
          <th scope="col" class="number">${t("defects.area")}</th>
        </tr>
      </thead>
      <tbody>
        ${this.detections.map(
          (one, index) => html`<tr
            @pointerenter=${() => this.choose(index)}
            @pointerleave=${() => this.choose(-1)}
          >
            <td>${one.class_name}</td>
            <td class="number">${locale.percent(one.confidence)}</td>
            <td class="number">${areaText(one)}</td>
          </tr>`,
        )}
      </tbody>
    </table>`;
  }

  private choose(index: number): void {
    this.dispatchEvent(new CustomEvent("choose", { detail: index }));
  }
}

/** The area in mm², or in pixels where the station is not calibrated. */
function areaText(one: Detection): string {
  return one.area_mm2 === null ? `${locale.number(one.area_px)} px` : `${locale.number(one.area_mm2, 1)} mm²`;
}
