import { expect, test } from "vitest";
import type { Inspection } from "../src/api/client";
import { counted, taktOf, withPart, yieldAt } from "../src/live/shift-data";
import type { Rules, Shift } from "../src/live/shift-data";

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 6) + minute * 60_000).toISOString();
const now = (minute: number) => Date.parse(at(minute));
const shift = {
  started_at: at(0), ends_at: at(480), counted_at: at(60),
  by_station: [{ station_id: "line-1", passed: 8, total: 10 }],
} as unknown as Shift;
const part = (minute: number, decision = "pass", station = "line-1") => ({ station_id: station, decision, created_at: at(minute) }) as Inspection;

test("parts after the server's count are added, those before it are in there already", () => {
  let count = counted(shift);
  for (const one of [part(59), part(60), part(61), part(62, "fail"), part(63, "pass", "line-2")]) count = withPart(count, one);
  expect(yieldAt(count, "line-1", now(64))).toEqual({ passed: 9, total: 12 });
  expect(yieldAt(count, "line-2", now(64))).toEqual({ passed: 1, total: 1 });
  expect(yieldAt(count, "line-3", now(64))).toEqual({ passed: 0, total: 0 });
});

test("the next shift does not begin with the parts of the last one", () => {
  const count = withPart(counted(shift), part(480));
  expect(yieldAt(count, "line-1", now(479))).toEqual({ passed: 8, total: 10 });
  expect(yieldAt(count, "line-1", now(480))).toBeNull();
  expect(yieldAt(null, "line-1", now(0))).toBeNull();
});

test("a station's own takt counts before the plant's, and none is none", () => {
  const rules = { takt_s: 2, station_rules: { b: { takt_s: 1.5 }, c: { takt_s: 0 }, d: { drift: false } } } as unknown as Rules;
  expect(["a", "b", "c", "d"].map((station) => taktOf(rules, station))).toEqual([2, 1.5, null, 2]);
  expect(taktOf({ takt_s: 0, station_rules: {} } as unknown as Rules, "a")).toBeNull();
  expect(taktOf(null, "a")).toBeNull();
});
