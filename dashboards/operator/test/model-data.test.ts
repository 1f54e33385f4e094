/** A version's card says the few figures worth a place, and in words what its test parts prove. */
import { describe, expect, it } from "vitest";
import { actionsOf, figuresOf, proofsOf } from "../src/pages/models/model-data";
import type { Version } from "../src/pages/models/model-data";

const METRICS = {
  box_ap50: 0.61,
  part_auroc: 0.98,
  escape_rate: 0.0,
  escape_at_most: 0.058,
  escape_allowed: 0.02,
  escape_parts_to_prove: 99,
  overkill_rate: 0.04,
  overkill_at_most: 0.09,
  overkill_allowed: 0.01,
  overkill_parts_to_prove: 1200,
};

describe("figures of a version", () => {
  it("leaves what belongs to a proof to its sentence", () => {
    expect(figuresOf(METRICS).map((figure) => figure.name)).toEqual(["box_ap50", "part_auroc", "escape_rate", "overkill_rate"]);
  });
});

describe("what test parts prove", () => {
  it("names the parts that are missing, and what was exceeded", () => {
    expect(proofsOf(METRICS).map((proof) => [proof.kind, proof.state, proof.parts])).toEqual([
      ["escape", "missing", 99],
      ["overkill", "exceeded", 1200],
    ]);
  });

  it("is proven when no part is missing", () => {
    const [escape] = proofsOf({ ...METRICS, escape_at_most: 0.019, escape_parts_to_prove: 0 });
    expect(escape?.state).toBe("proven");
  });

  it("is silent about a version that says nothing of it", () => {
    expect(proofsOf({ box_ap50: 0.5, escape_rate: 0.1 })).toEqual([]);
  });
});

describe("what may be done with a version", () => {
  const version = { active: false, status: "candidate", gate: null, run_id: "r" } as Version;

  it("takes a word for a candidate that the gate blocked or has not judged", () => {
    expect(actionsOf(version).override).toBe(true);
    expect(actionsOf({ ...version, gate: "blocked" }).override).toBe(true);
  });

  it("takes none where the gate let it through, or nobody asked for one", () => {
    expect(actionsOf({ ...version, gate: "passed" }).override).toBe(false);
    expect(actionsOf({ ...version, status: "archived" }).override).toBe(false);
  });
});
