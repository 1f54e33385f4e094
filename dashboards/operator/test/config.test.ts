import { expect, test } from "vitest";
import { UNTOUCHED, changedBetween, changesIn, patchOf, rebased, stepsOf, textOf, typedIn, wrongWith } from "../src/pages/system/config-data";
import type { Config, Field, Revision } from "../src/pages/system/config-data";

const field = (name: string, value: unknown, limits: Record<string, number> = {}) => ({ name, value, limits, choices: null }) as unknown as Field;
const config = (version: number, takt: number, rules: Record<string, object> = {}) =>
  ({
    version, values: { station_rules: rules },
    fields: [field("takt_s", takt, { minimum: 0, maximum: 3600 }), field("drift", true), field("shift_starts", ["06:00", "14:00"]), field("timezone", "UTC"),
      field("gate_latency_budget_ms", 200, { exclusiveMinimum: 0 })],
  }) as unknown as Config;
const now = config(3, 2, { b: { takt_s: 1.5 } });

test("what is typed becomes a patch of the version that was read", () => {
  let draft = typedIn(UNTOUCHED, now, "", "takt_s", "2,5");
  draft = typedIn(draft, now, "", "shift_starts", "06:00, 18:00");
  draft = typedIn(draft, now, "", "timezone", "");
  draft = typedIn(draft, now, "b", "takt_s", " ");
  draft = typedIn(draft, now, "a", "drift", "false");
  expect(changesIn(draft)).toBe(5);
  expect(patchOf(now, draft)).toEqual({
    version: 3, takt_s: 2.5, shift_starts: ["06:00", "18:00"], timezone: null, station_rules: { b: { takt_s: null }, a: { drift: false } },
  });
});

test("typing back what holds is no change", () => {
  const draft = typedIn(typedIn(UNTOUCHED, now, "b", "takt_s", "9"), now, "b", "takt_s", "1.5");
  expect(draft).toEqual(UNTOUCHED);
  expect(textOf(now, "b", "drift")).toBe("");
  expect(textOf(now, "", "shift_starts")).toBe("06:00, 14:00");
});

test("limits are told before the server has to", () => {
  const [takt, , shifts, , budget] = now.fields as Field[];
  expect(["", "0", "3600", "1,5"].map((text) => wrongWith(takt!, text))).toEqual([null, null, null, null]);
  expect(["-1", "3601", "x"].map((text) => wrongWith(takt!, text))).toEqual(["≥ 0", "≤ 3600", "…"]);
  expect(wrongWith(budget!, "0")).toBe("> 0");
  expect(wrongWith(shifts!, "anything")).toBeNull();
});

test("nothing typed is lost when somebody else was quicker", () => {
  const draft = typedIn(typedIn(UNTOUCHED, now, "", "takt_s", "2.5"), now, "b", "takt_s", "1");
  const theirs = config(4, 2.5, { b: { takt_s: 0.5 }, c: { drift: false } });
  expect(changedBetween(now, theirs)).toEqual([["", "takt_s"], ["b", "takt_s"], ["c", "drift"]]);
  const kept = rebased(draft, theirs); // what holds by now is no change any more
  expect(patchOf(theirs, kept)).toEqual({ version: 4, station_rules: { b: { takt_s: 1 } } });
});

test("a revision tells each rule of a station by itself", () => {
  const revision = { before: { takt_s: 2, station_rules: { a: { drift: true, takt_s: 1 } } }, after: { takt_s: 3, station_rules: { a: { takt_s: 1 }, b: { drift: false } } } };
  expect(stepsOf(revision as unknown as Revision)).toEqual([
    { name: "takt_s", before: "2", after: "3" },
    { name: "a: drift", before: "true", after: "–" },
    { name: "b: drift", before: "–", after: "false" },
  ]);
});
