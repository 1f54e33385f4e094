/** A station's rules as the form holds them, and as the API takes them. */
import type { Schemas } from "../../api/client";

export type Station = Schemas["StationOut"];
export type Point = readonly [number, number];

export interface Rule {
  readonly className: string;
  /** Empty: as the model says. */
  readonly acceptBelow: string;
  readonly rejectAbove: string;
  readonly minAreaMm2: string;
  readonly minAreaPx: string;
}

export interface Draft {
  readonly name: string;
  readonly mmPerPx: string;
  readonly rules: readonly Rule[];
  readonly region: readonly Point[];
}

export function draftOf(station: Station, classes: readonly string[]): Draft {
  const known = [...new Set([...classes, ...Object.keys(station.thresholds), ...Object.keys(station.min_area_mm2), ...Object.keys(station.min_area_px)])];
  const text = (value: number | null | undefined) => (value === null || value === undefined ? "" : String(value));
  return {
    name: station.name,
    mmPerPx: text(station.mm_per_px),
    rules: known.map((className) => ({
      className,
      acceptBelow: text(station.thresholds[className]?.accept_below),
      rejectAbove: text(station.thresholds[className]?.reject_above),
      minAreaMm2: text(station.min_area_mm2[className]),
      minAreaPx: text(station.min_area_px[className]),
    })),
    region: (station.region_of_interest ?? []).map(([x = 0, y = 0]): Point => [x, y]),
  };
}

/** The whole configuration. A threshold needs both of its limits. */
export function updateOf(draft: Draft) {
  const thresholds: Record<string, { accept_below: number; reject_above: number }> = {};
  const areas: Record<string, number> = {};
  const areasPx: Record<string, number> = {};
  for (const rule of draft.rules) {
    const [accept, reject, area, areaPx] = [numberOf(rule.acceptBelow), numberOf(rule.rejectAbove), numberOf(rule.minAreaMm2), numberOf(rule.minAreaPx)];
    if (accept !== null && reject !== null) thresholds[rule.className] = { accept_below: accept, reject_above: reject };
    if (area !== null) areas[rule.className] = area;
    if (areaPx !== null) areasPx[rule.className] = areaPx;
  }
  return {
    name: draft.name.trim() || null,
    mm_per_px: numberOf(draft.mmPerPx),
    thresholds,
    min_area_mm2: areas,
    min_area_px: areasPx,
    region_of_interest: draft.region.length >= 3 ? draft.region.map(([x, y]): [number, number] => [x, y]) : null,
  };
}

/** A number as people type it, null for nothing. */
export function numberOf(text: string): number | null {
  return text.trim() === "" ? null : Number(text.replace(",", "."));
}

/** Whether a rule has one limit without the other, limits in the wrong order, or an area that is none. */
export function isWrong(rule: Rule): boolean {
  if ([rule.minAreaMm2, rule.minAreaPx].some((text) => !(Number(text.replace(",", ".")) >= 0))) return true;
  const [accept, reject] = [rule.acceptBelow.trim(), rule.rejectAbove.trim()];
  return (accept === "") !== (reject === "") || Number(accept.replace(",", ".")) > Number(reject.replace(",", "."));
}

/** Millimetres per pixel from a line of known length; null before there is one. */
export function scaleOf(line: readonly Point[], lengthMm: number): number | null {
  const [a, b] = line;
  if (a === undefined || b === undefined || !(lengthMm > 0)) return null;
  const px = Math.hypot(b[0] - a[0], b[1] - a[1]);
  return px >= 1 ? Number((lengthMm / px).toPrecision(6)) : null;
}
