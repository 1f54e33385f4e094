/** Where on the part the defects lie, over the newest picture. */
import { css, html, nothing, svg } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Inspection } from "../../api/client";
import { UssopElement } from "../../app/element";
import { t } from "../../i18n/locale";
import { plate, shared } from "../../styles/shared";
import { heatOf } from "./quality-data";

@customElement("ussop-heat-map")
export class HeatMap extends UssopElement {
  @property({ attribute: false }) parts: readonly Inspection[] = [];
  @property() only = "";

  static override styles = [
    shared,
    plate,
    css`
      img {
        filter: grayscale(1) brightness(0.75);
      }
    `,
  ];

  override render() {
    const newest = this.parts.find((part) => !part.picture_deleted_at) ?? this.parts[0];
    if (newest === undefined) return nothing;
    const heat = heatOf(this.parts, 32, 24, this.only);
    const [width, height] = [newest.width_px, newest.height_px];
    const cells = heat.cells.flatMap((count, index) => {
      if (count === 0) return [];
      const [x, y] = [index % heat.columns, Math.floor(index / heat.columns)];
      // From dark red to yellow: the warmer, the brighter, also without colours.
      const share = count / heat.most;
      return svg`<rect x=${(x * width) / heat.columns} y=${(y * height) / heat.rows} width=${width / heat.columns} height=${height / heat.rows}
        fill="hsl(${Math.round(share * 55)} 95% ${Math.round(40 + share * 25)}%)" fill-opacity=${0.35 + share * 0.5}></rect>`;
    });
    return html`
      ${newest.picture_deleted_at ? nothing : html`<img class="over" src=${newest.image_url} alt="" />`}
      <svg class="over" viewBox="0 0 ${width} ${height}" preserveAspectRatio="xMidYMid meet" role="img"
        aria-label=${t("quality.heat_label", { parts: this.parts.length, most: heat.most })}>${cells}</svg>
    `;
  }
}
