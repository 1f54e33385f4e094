/** What is known of each station's last parts, kept small however long the page is open. */
import type { Decision, Inspection } from "../api/client";

export const STRIP_LENGTH = 30;

export interface Part {
  readonly id: string;
  readonly decision: Decision;
  readonly createdAt: string;
  readonly partId: string | null;
}

export interface Line {
  readonly stationId: string;
  readonly last: Inspection;
  /** Newest first. */
  readonly parts: readonly Part[];
}

export type Lines = ReadonlyMap<string, Line>;

/** The lines with one more inspection; one that is there already changes nothing, an older one takes its place. */
export function withInspection(lines: Lines, inspection: Inspection): Lines {
  const line = lines.get(inspection.station_id);
  if (line?.parts.some((part) => part.id === inspection.id)) return lines;
  const part = partOf(inspection);
  const parts = [part, ...(line?.parts ?? [])].sort(byAge).slice(0, STRIP_LENGTH);
  const last = line !== undefined && parts[0] !== part ? line.last : inspection;
  return new Map(lines).set(inspection.station_id, { stationId: inspection.station_id, last, parts });
}

function partOf(inspection: Inspection): Part {
  const { id, decision, created_at: createdAt, part_id: partId } = inspection;
  return { id, decision, createdAt, partId };
}

function byAge(a: Part, b: Part): number {
  return Date.parse(b.createdAt) - Date.parse(a.createdAt);
}

/** Milliseconds between the two newest parts, null before there are two. */
export function cycleMs(line: Line): number | null {
  const [newest, before] = line.parts;
  if (newest === undefined || before === undefined) return null;
  return Date.parse(newest.createdAt) - Date.parse(before.createdAt);
}

/** An age for people: the largest unit that fits. */
export function ageOf(at: string, nowMs: number): { value: number; unit: "second" | "minute" | "hour" | "day" } {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(at)) / 1000));
  if (seconds < 60) return { value: seconds, unit: "second" };
  if (seconds < 3600) return { value: Math.floor(seconds / 60), unit: "minute" };
  if (seconds < 86_400) return { value: Math.floor(seconds / 3600), unit: "hour" };
  return { value: Math.floor(seconds / 86_400), unit: "day" };
}
