/** The choice of a station, used above lists and forms. */
import { html, nothing } from "lit";
import { t } from "../i18n/locale";
import { plant } from "../live/plant";

/** @param all The word for every station; without it one must be chosen. */
export function stationSelect(value: string, onChange: (stationId: string) => void, all = "") {
  const change = (event: Event) => onChange((event.target as HTMLInputElement).value);
  const known = new Map(plant.stations.map((station) => [station.id, station.name]));
  if (value && !known.has(value)) known.set(value, value);
  return html`<wa-select label=${t("live.station")} value=${value} @change=${change}>
    ${all ? html`<wa-option value="">${all}</wa-option>` : nothing}
    ${[...known].map(([id, name]) => html`<wa-option value=${id}>${name}</wa-option>`)}
  </wa-select>`;
}
