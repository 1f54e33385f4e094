import { expect, test } from "vitest";
import { bucketLabel, heatOf, paretoOf, violations } from "../src/pages/quality/quality-data";
import type { Statistics, Trends } from "../src/pages/quality/quality-data";

/** A chart around 10 % with 100 parts a bucket: one sigma is 3 points of a hundred. */
const chart = (p: (number | null)[], n = 100) =>
  ({ p, n: p.map((value) => (value === null ? 0 : n)), centre_line: 0.1, lower_limit: [], upper_limit: [] }) as unknown as Trends["p_chart"];

test.each([
  ["one beyond 3 sigma", [0.1, 0.2], [null, 1]],
  ["two of three beyond 2 sigma", [0.17, 0.1, 0.17], [null, null, 2]],
  ["not on different sides", [0.17, 0.1, 0.03], [null, null, null]],
  ["four of five beyond 1 sigma", [0.14, 0.14, 0.1, 0.14, 0.14], [null, null, null, null, 3]],
  ["eight on one side", Array(8).fill(0.11), [...Array(7).fill(null), 4]],
  ["an empty bucket between is no point", [0.17, null, 0.17], [null, null, 2]],
  ["nothing", [], []],
  ["a single good point", [0.1], [null]],
])("control rules: %s", (_name, p, rules) => {
  expect(violations(chart(p as (number | null)[]))).toEqual(rules);
});

test("no rule is broken where there is no centre line", () => {
  expect(violations({ ...chart([0, 0]), centre_line: 0 })).toEqual([null, null]);
  expect(violations({ ...chart([null]), centre_line: null })).toEqual([null]);
});

test("classes are ordered by number or by area, with their running share", () => {
  const defects = [
    { class_name: "scratch", count: 3, area_mm2: 1 },
    { class_name: "dent", count: 1, area_mm2: 9 },
    { class_name: "stain", count: 1, area_mm2: null },
  ] as Statistics["defects"];
  expect(paretoOf(defects, "count").map((bar) => bar.cumulative)).toEqual([0.6, 0.8, 1]);
  expect(paretoOf(defects, "area")).toEqual([
    { name: "dent", value: 9, cumulative: 0.9 },
    { name: "scratch", value: 1, cumulative: 1 },
  ]);
  expect(paretoOf([], "count")).toEqual([]);
});

test("a defect warms the cells that it touches, whatever the picture's size", () => {
  const part = (size: number, bbox: number[]) => ({ width_px: size, height_px: size, detections: [{ bbox, class_name: "dent" }] });
  const heat = heatOf([part(100, [0, 0, 49, 49]), part(1000, [0, 0, 100, 100]), part(100, [99, 99, 200, 200])], 2, 2);
  expect(heat).toEqual({ columns: 2, rows: 2, cells: [2, 0, 0, 1], most: 2 });
  expect(heatOf([], 2, 2).most).toBe(0);
  expect(heatOf([part(100, [0, 0, 1, 1])], 2, 2, "crack").most).toBe(0);
});

test("an axis names the day once", () => {
  expect(bucketLabel("2026-01-15 08:00:00", undefined)).toBe("01-15\n08:00");
  expect(bucketLabel("2026-01-15 09:00:00", "2026-01-15 08:00:00")).toBe("09:00");
  expect(bucketLabel("2026-01-16", "2026-01-15")).toBe("01-16");
});
