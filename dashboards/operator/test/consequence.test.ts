import { expect, test } from "vitest";
import type { Inspection } from "../src/api/client";
import { consequenceOf } from "../src/pages/stations/consequence-data";
import { draftOf } from "../src/pages/stations/station-data";
import type { Draft, Station } from "../src/pages/stations/station-data";

const station = { id: "a", name: "a", mm_per_px: 0.1, thresholds: {}, min_area_mm2: {}, min_area_px: {}, region_of_interest: null, revision: 1 } as unknown as Station;
const held = { dent: { accept_below: 0.3, reject_above: 0.6 } };
const part = (...dents: (readonly [number, number])[]) =>
  ({ id: `${dents}`, decision: "pass", hold_reason: null, thresholds: held, recipe: {}, detections: dents.map(([confidence, area_px]) => ({ class_name: "dent", confidence, area_px })) }) as unknown as Inspection;
const parts = [part(), part([0.4, 100]), part([0.7, 100]), part([0.4, 400], [0.9, 20])];
const withRule = (change: object, mmPerPx = "0.1"): Draft => ({ ...draftOf(station, ["dent"]), mmPerPx, rules: [{ className: "dent", acceptBelow: "", rejectAbove: "", minAreaMm2: "", minAreaPx: "", ...change }] });

test("rules that stay as they are change nothing", () => {
  const found = consequenceOf(parts, station, draftOf(station, ["dent"]));
  expect(found).toMatchObject({ of: 4, before: { pass: 1, uncertain: 1, fail: 2 }, after: { pass: 1, uncertain: 1, fail: 2 }, changed: [], unseen: [] });
});

test("each part is decided anew by the limits in the form", () => {
  expect(consequenceOf(parts, station, withRule({ acceptBelow: "0,5", rejectAbove: "0,95" })).after).toEqual({ pass: 2, uncertain: 2, fail: 0 });
  expect(consequenceOf(parts, station, withRule({ minAreaPx: "50" })).after).toEqual({ pass: 1, uncertain: 2, fail: 1 });
  expect(consequenceOf(parts, station, withRule({ minAreaMm2: "2" })).after).toEqual({ pass: 3, uncertain: 1, fail: 0 });
  expect(consequenceOf(parts, station, withRule({ minAreaMm2: "2" }, "0.2")).after).toEqual({ pass: 1, uncertain: 2, fail: 1 });
  const { changed } = consequenceOf(parts, station, withRule({ minAreaPx: "50" }));
  expect(changed.map(({ from, to }) => [from, to])).toEqual([["fail", "uncertain"]]);
});

test("what is not on record is said to be unknown", () => {
  expect(consequenceOf(parts, station, withRule({ acceptBelow: "0.1", rejectAbove: "0.6" })).unseen).toEqual(["dent"]);
  const strict = { ...part([0.7, 9]), recipe: { min_area_px: { dent: 5 } } } as unknown as Inspection;
  expect(consequenceOf([strict], station, withRule({})).unseen).toEqual(["dent"]);
  expect(consequenceOf([{ ...part([0.7, 9]), hold_reason: "camera" } as unknown as Inspection], station, withRule({})).of).toBe(0);
});
