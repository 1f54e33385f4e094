import { expect, test } from "vitest";
import { bandOf, betterOf, differencesOf, effectOf, rowsOf, tallyOf } from "../src/pages/models/comparison-data";
import type { DifferingPart, GateReport } from "../src/pages/models/comparison-data";
import { inUseOf } from "../src/pages/models/model-data";
import type { Version } from "../src/pages/models/model-data";

const rate = (count: number, of = 20) => ({ count, of, share: count / of, low: Math.max(0, count / of - 0.1), high: count / of + 0.1 });
const measured = (version: string, escapes: number, p95: number) => ({
  version, classes: ["dent", "new"], box_ap50: 0.9, escape: rate(escapes), overkill: rate(2), uncertain: rate(0),
  recall: { dent: rate(20 - escapes) }, latency_p95_ms: p95, golden_pictures: 4, parity: [],
});
const part = (truth: string, candidate: string, deployed: string) => ({ picture: "a.png", truth, candidate, deployed, shown_in: null }) as DifferingPart;
const report = {
  candidate: measured("2", 1, 10.1), deployed: measured("1", 3, 10),
  differing: [part("defective", "pass", "fail"), part("good", "pass", "fail"), part("defective", "fail", "uncertain")],
} as unknown as GateReport;

test("each figure says which side is better, in its own sense", () => {
  const better = Object.fromEntries(rowsOf(report).map((row) => [row.name + row.className, row.better]));
  expect(better).toEqual({ escape: "candidate", overkill: "same", uncertain: "same", recalldent: "candidate", box_ap50: "same", latency_p95_ms: "same" });
  expect(betterOf("latency_p95_ms", 12, 10)).toBe("deployed");
  expect(betterOf("box_ap50", 0.8, 0.9)).toBe("deployed");
});

test.each([
  ["defective", "pass", "fail", "escape_new"],
  ["defective", "pass", "uncertain", "escape_new"],
  ["defective", "uncertain", "pass", "escape_gone"],
  ["defective", "uncertain", "fail", "less_sure"],
  ["defective", "fail", "uncertain", "surer"],
  ["good", "fail", "pass", "overkill_new"],
  ["good", "pass", "fail", "overkill_gone"],
  ["good", "uncertain", "pass", "less_sure"],
  ["golden", "pass", "fail", "escape_new"],
  ["golden", "fail", "pass", "overkill_new"],
])("a %s part that is %s and was %s means %s", (truth, candidate, deployed, effect) => {
  expect(effectOf(part(truth, candidate, deployed))).toBe(effect);
});

test("pictures keep their place in the report, by which they are drawn", () => {
  const differences = differencesOf(report);
  expect(differences.map((one) => one.number)).toEqual([0, 1, 2]);
  expect(tallyOf(differences)).toEqual({ worse: 1, better: 2 });
});

test("both intervals lie on one scale", () => {
  expect(bandOf(rate(0), rate(8))).toEqual({ left: 0, width: 20, mark: 0 });
  expect(bandOf(rate(8), rate(0))).toMatchObject({ mark: 80 });
});

test("what inspects is in use, even while the registry says otherwise", () => {
  const version = (id: string, active: boolean, status: string) => ({ id, active, status }) as Version;
  expect(inUseOf([version("3", false, "deployed"), version("2", true, "previous")])?.id).toBe("2");
  expect(inUseOf([version("3", false, "deployed")])?.id).toBe("3");
  expect(inUseOf([])).toBeNull();
});
