import { expect, test } from "vitest";
import type { Inspection } from "../src/api/client";
import { STRIP_LENGTH, ageOf, cycleMs, withInspection } from "../src/live/line-data";
import type { Lines } from "../src/live/line-data";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
const part = (id: number, decision = "pass", station = "line-1") =>
  ({ id: `p${id}`, station_id: station, decision, created_at: at(id), part_id: null }) as Inspection;
const lineOf = (lines: Lines, station = "line-1") => lines.get(station)!;

test("keeps the newest parts of each station and no more", () => {
  let lines: Lines = new Map();
  for (let id = 0; id < 100; id += 1) lines = withInspection(lines, part(id, "pass", id % 2 ? "line-1" : "line-2"));
  expect([...lines.keys()].sort()).toEqual(["line-1", "line-2"]);
  expect(lineOf(lines).parts).toHaveLength(STRIP_LENGTH);
  expect(lineOf(lines).last.id).toBe("p99");
});

test("a part that comes twice or late never becomes the last one again", () => {
  let lines = withInspection(new Map(), part(10));
  lines = withInspection(lines, part(12, "fail"));
  expect(withInspection(lines, part(12, "fail"))).toBe(lines);
  lines = withInspection(lines, part(11));
  expect(lineOf(lines).last.id).toBe("p12");
  expect(lineOf(lines).parts.map((one) => one.id)).toEqual(["p12", "p11", "p10"]);
  expect(cycleMs(lineOf(lines))).toBe(1_000);
});

test("one part has no cycle time", () => {
  expect(cycleMs(lineOf(withInspection(new Map(), part(1))))).toBeNull();
});

test.each([
  [-3, 0, "second"],
  [59, 59, "second"],
  [60, 1, "minute"],
  [3_600, 1, "hour"],
  [200_000, 2, "day"],
])("an age of %i s is %i %s", (seconds, value, unit) => {
  expect(ageOf(at(0), Date.parse(at(seconds)))).toEqual({ value, unit });
});
