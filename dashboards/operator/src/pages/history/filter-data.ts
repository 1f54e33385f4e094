/** Which inspections the history shows, and how the API is asked for them. */
import type { Decision } from "../../api/client";

export interface Filter {
  readonly stationId: string;
  /** The verdict that holds: a person's where one overruled the model. */
  readonly verdict: Decision | "";
  /** The model's own. */
  readonly decision: Decision | "";
  /** Days on this device's clock, like 2026-01-15; both are included. */
  readonly from: string;
  readonly to: string;
  readonly className: string;
  readonly part: string;
  readonly model: string;
}

export const ALL: Filter = { stationId: "", verdict: "", decision: "", from: "", to: "", className: "", part: "", model: "" };

/** The filter as the API takes it; what is not filtered is left out. */
export function queryOf(filter: Filter) {
  const moment = (day: string, later: number) => {
    const at = new Date(`${day}T00:00:00`);
    at.setDate(at.getDate() + later);
    return Number.isNaN(at.getTime()) ? "" : at.toISOString();
  };
  const since = filter.from ? moment(filter.from, 0) : "";
  const until = filter.to ? moment(filter.to, 1) : "";
  return {
    ...(filter.stationId ? { station_id: filter.stationId } : {}),
    ...(filter.verdict ? { effective_decision: filter.verdict } : {}),
    ...(filter.decision ? { decision: filter.decision } : {}),
    ...(since ? { since } : {}),
    ...(until ? { until } : {}),
    ...(filter.className ? { class_name: filter.className } : {}),
    ...(filter.part ? { part: filter.part } : {}),
    ...(filter.model ? { model_version: filter.model } : {}),
  };
}

/** The same for a file: there moments have names of their own. */
export function exportQueryOf(filter: Filter, format: "csv" | "xlsx"): URLSearchParams {
  const { since, until, ...rest } = queryOf(filter);
  return new URLSearchParams({ format, ...rest, ...(since ? { date_from: since } : {}), ...(until ? { date_to: until } : {}) });
}
