import { expect, test } from "vitest";
import { exportQueryOf, queryOf } from "../src/pages/history/filter-data";
import { draftOf, isWrong, scaleOf, updateOf } from "../src/pages/stations/station-data";
import type { Rule, Station } from "../src/pages/stations/station-data";

const station = {
  id: "line-1", name: "Line 1", mm_per_px: 0.05, thresholds: { dent: { accept_below: 0.3, reject_above: 0.6 } },
  min_area_mm2: {}, min_area_px: { stain: 4 }, region_of_interest: [[0, 0], [9, 0], [9, 9]],
} as unknown as Station;

test("a station that nobody touches is saved as it was", () => {
  expect(updateOf(draftOf(station, ["scratch", "dent"]))).toEqual({
    name: "Line 1", mm_per_px: 0.05, thresholds: station.thresholds, min_area_mm2: {}, min_area_px: { stain: 4 },
    region_of_interest: [[0, 0], [9, 0], [9, 9]],
  });
});

test("what is typed is taken, also with a comma, and what is emptied is gone", () => {
  const rule = (className: string, acceptBelow: string, rejectAbove: string, minAreaMm2 = "", minAreaPx = ""): Rule => ({ className, acceptBelow, rejectAbove, minAreaMm2, minAreaPx });
  const draft = { name: " ", mmPerPx: "", rules: [rule("dent", "", ""), rule("crack", "0,2", "0,5", "1.5", "12,5")], region: [[1, 1], [2, 2]] as const };
  expect(updateOf(draft)).toMatchObject({
    name: null, mm_per_px: null, thresholds: { crack: { accept_below: 0.2, reject_above: 0.5 } }, min_area_mm2: { crack: 1.5 }, min_area_px: { crack: 12.5 }, region_of_interest: null,
  });
  expect([rule("a", "0.3", ""), rule("a", "0.7", "0.6"), rule("a", "", "", "-1"), rule("a", "", "", "", "x")].every(isWrong)).toBe(true);
  expect([rule("a", "", ""), rule("a", "0,3", "0,6")].some(isWrong)).toBe(false);
});

test("a known length gives millimetres per pixel", () => {
  expect(scaleOf([[0, 0], [30, 40]], 10)).toBe(0.2);
  for (const [line, length] of [[[[0, 0]], 10], [[[0, 0], [30, 40]], 0], [[[1, 1], [1, 1]], 5]] as const) {
    expect(scaleOf(line as never, length)).toBeNull();
  }
});

test("a filter asks for whole days, and for nothing that is not filled", () => {
  const none = { stationId: "", verdict: "" as const, decision: "" as const, from: "", to: "", className: "", part: "", model: "" };
  expect(queryOf(none)).toEqual({});
  const asked = queryOf({ ...none, from: "2026-01-15", to: "2026-01-15", part: "D-", className: "dent" });
  expect(Date.parse(asked.until!) - Date.parse(asked.since!)).toBe(24 * 3_600_000);
  expect(asked).toMatchObject({ part: "D-", class_name: "dent" });
  expect(queryOf({ ...none, from: "nonsense" })).toEqual({});
  const file = exportQueryOf({ ...none, from: "2026-01-15", decision: "fail", model: "3" }, "xlsx");
  expect(Object.fromEntries(file)).toEqual({ format: "xlsx", date_from: new Date("2026-01-15T00:00:00").toISOString(), decision: "fail", model_version: "3" });
});
