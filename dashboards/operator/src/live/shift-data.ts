/** The yield of the shift that goes on, kept up between two looks at the server; and the takt of each station. */
import type { Inspection, Schemas } from "../api/client";

export type Shift = Schemas["ShiftOut"];
export type Rules = Pick<Schemas["RuntimeConfig"], "takt_s" | "station_rules">;

export interface Tally {
  readonly passed: number;
  readonly total: number;
}

/** What the server has counted, and what came since. */
export interface ShiftCount {
  readonly shift: Shift;
  readonly since: ReadonlyMap<string, Tally>;
}

export const counted = (shift: Shift): ShiftCount => ({ shift, since: new Map() });

/** With one more part. What the server has counted already, and what belongs to the next shift, is left to the server. */
export function withPart(count: ShiftCount, inspection: Inspection): ShiftCount {
  const at = Date.parse(inspection.created_at);
  if (at <= Date.parse(count.shift.counted_at) || at >= Date.parse(count.shift.ends_at)) return count;
  const { passed, total } = count.since.get(inspection.station_id) ?? { passed: 0, total: 0 };
  const tally = { passed: passed + Number(inspection.decision === "pass"), total: total + 1 };
  return { shift: count.shift, since: new Map(count.since).set(inspection.station_id, tally) };
}

/** Null before the first look; a shift that is over has no yield of now. */
export function yieldAt(count: ShiftCount | null, stationId: string, nowMs: number): Tally | null {
  if (count === null || nowMs >= Date.parse(count.shift.ends_at)) return null;
  const known = count.shift.by_station.find((one) => one.station_id === stationId);
  const since = count.since.get(stationId);
  return { passed: (known?.passed ?? 0) + (since?.passed ?? 0), total: (known?.total ?? 0) + (since?.total ?? 0) };
}

/** Seconds that a part has at a station; null where nobody has said. */
export function taktOf(rules: Rules | null, stationId: string): number | null {
  if (rules === null) return null;
  const takt = rules.station_rules?.[stationId]?.takt_s ?? rules.takt_s ?? 0;
  return takt > 0 ? takt : null;
}
