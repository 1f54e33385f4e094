/** What the charts of the Quality page show, worked out from the API's figures. */
import type { Detection, Schemas } from "../../api/client";

export type Trends = Schemas["TrendsOut"];
export type Statistics = Schemas["StatisticsOut"];

/** Rules of a control chart that a point breaks, by their usual numbers. Source: Western Electric, 1956. */
export type Rule = 1 | 2 | 3 | 4;

interface Scored {
  readonly index: number;
  /** Distance from the centre line in standard deviations. */
  readonly z: number;
}

/**
 * Per bucket, the first rule that it breaks: 1 one point beyond 3 sigma, 2 two of three beyond 2 sigma, 3 four of five
 * beyond 1 sigma, 4 eight in a row on one side; each on the same side. Buckets in which nothing was inspected are no
 * points: the ones before and after stand beside each other.
 */
export function violations(chart: Trends["p_chart"]): readonly (Rule | null)[] {
  const broken: (Rule | null)[] = chart.p.map(() => null);
  const centre = chart.centre_line;
  if (centre === null || centre <= 0 || centre >= 1) return broken;
  const points = chart.p.flatMap((p, index): Scored[] => {
    const n = chart.n[index] ?? 0;
    return p === null || n === 0 ? [] : [{ index, z: (p - centre) / Math.sqrt((centre * (1 - centre)) / n) }];
  });
  points.forEach((point, place) => {
    const last = (count: number) => points.slice(Math.max(0, place - count + 1), place + 1);
    broken[point.index] = ruleOf(point, last);
  });
  return broken;
}

function ruleOf(point: Scored, last: (count: number) => readonly Scored[]): Rule | null {
  const side = Math.sign(point.z);
  const beyond = (sigma: number, count: number) => last(count).filter((one) => one.z * side > sigma).length;
  if (point.z * side > 3) return 1;
  if (point.z * side > 2 && beyond(2, 3) >= 2) return 2;
  if (point.z * side > 1 && beyond(1, 5) >= 4) return 3;
  return beyond(0, 8) >= 8 ? 4 : null;
}

export interface ParetoBar {
  readonly name: string;
  readonly value: number;
  /** Of this class and the larger ones, 0 to 1. */
  readonly cumulative: number;
}

/** The classes by number or by area in mm², largest first. */
export function paretoOf(defects: Statistics["defects"], by: "count" | "area"): readonly ParetoBar[] {
  const bars = defects
    .map((one) => ({ name: one.class_name, value: by === "count" ? one.count : (one.area_mm2 ?? 0) }))
    .filter((one) => one.value > 0)
    .sort((a, b) => b.value - a.value);
  const total = bars.reduce((sum, one) => sum + one.value, 0);
  let sum = 0;
  return bars.map((one) => {
    sum += one.value;
    return { ...one, cumulative: sum / total };
  });
}

export interface Heat {
  readonly columns: number;
  readonly rows: number;
  /** Row by row: how many defects cover the cell. */
  readonly cells: readonly number[];
  readonly most: number;
}

/** Where on the part the defects lie: each counts once in every cell that its box touches. */
export function heatOf(
  parts: readonly { readonly width_px: number; readonly height_px: number; readonly detections: readonly Pick<Detection, "bbox" | "class_name">[] }[],
  columns = 32,
  rows = 24,
  className = "",
): Heat {
  const cells = new Array<number>(columns * rows).fill(0);
  const place = (value: number, size: number, count: number) => Math.min(count - 1, Math.max(0, Math.floor((value / size) * count)));
  for (const part of parts) {
    for (const { bbox, class_name: name } of part.detections) {
      if (className && name !== className) continue;
      const [left = 0, top = 0, right = 0, bottom = 0] = bbox;
      for (let y = place(top, part.height_px, rows); y <= place(bottom, part.height_px, rows); y += 1) {
        for (let x = place(left, part.width_px, columns); x <= place(right, part.width_px, columns); x += 1) {
          cells[y * columns + x] = (cells[y * columns + x] ?? 0) + 1;
        }
      }
    }
  }
  return { columns, rows, cells, most: Math.max(0, ...cells) };
}

/** The label of a bucket short enough for an axis: the hour, with the day where it begins. */
export function bucketLabel(label: string, previous: string | undefined): string {
  const [day = "", time = ""] = label.split(" ");
  const hour = time.slice(0, 5);
  const isNewDay = previous === undefined || previous.split(" ")[0] !== day;
  return isNewDay || !hour ? `${day.slice(5)}${hour ? `\n${hour}` : ""}` : hour;
}
