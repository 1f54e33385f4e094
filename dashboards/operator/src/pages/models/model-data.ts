/** What the models page works out for itself. */
import type { Schemas } from "../../api/client";

export type Version = Schemas["ModelVersionOut"];
export type Training = Schemas["TrainingOut"];
export type TrainingSettings = Schemas["TrainingIn"];

/** Choices in plain words, and the figures that they stand for. */
export const THOROUGHNESS = { quick: 5, normal: 20, thorough: 60 } as const;
export const PACE = { careful: 0.0003, normal: 0.001, bold: 0.005 } as const;
export const MEMORY = { small: 4, normal: 8, large: 16 } as const;
export const NETWORK = { auto: "auto", surface: "surface", boxes: "few-pictures" } as const;

export interface Choices {
  readonly thoroughness: keyof typeof THOROUGHNESS;
  readonly pace: keyof typeof PACE;
  readonly memory: keyof typeof MEMORY;
  readonly network: keyof typeof NETWORK;
  readonly name: string;
}

export const USUAL: Choices = { thoroughness: "normal", pace: "normal", memory: "normal", network: "auto", name: "" };

export function settingsOf(choices: Choices): TrainingSettings {
  return {
    epochs: THOROUGHNESS[choices.thoroughness],
    learning_rate: PACE[choices.pace],
    batch_size: MEMORY[choices.memory],
    recipe: NETWORK[choices.network],
    model_name: choices.name.trim(),
  };
}

export const isUnderWay = (state: string): boolean => ["queued", "running", "stopping"].includes(state);

/** What may be done with a version; the server decides in the end. */
export function actionsOf(version: Version): { deploy: boolean; rollback: boolean; gate: boolean; override: boolean } {
  const isFree = !version.active && version.status !== "deployed";
  const rollback = isFree && version.status === "previous";
  const isJudged = version.gate === "passed" || version.gate === "overridden";
  const gate = isFree && !rollback && version.run_id !== null && !isJudged;
  // A candidate that was not judged is refused as well, unless somebody gives their word for it.
  const isUnjudged = version.gate === null && version.status === "candidate";
  return { deploy: isFree && !rollback, rollback, gate, override: version.gate === "blocked" || isUnjudged };
}

/** The version that inspects; while a swap is under way that which this machine still runs. */
export function inUseOf(models: readonly Version[]): Version | null {
  return models.find((one) => one.active) ?? models.find((one) => one.status === "deployed") ?? null;
}

export interface Figure {
  readonly name: string;
  readonly value: number;
}

/** Said in a sentence of their own; see `proofsOf`. */
const OF_A_PROOF = /_(allowed|at_most|parts_to_prove)$/;

/** The few figures of a version worth a place on its card: box and mask mAP first. */
export function figuresOf(metrics: Readonly<Record<string, number>>, most = 5): readonly Figure[] {
  const rank = (name: string) => {
    const order = [/map50(?!.?95)|ap50/i, /map/i, /auroc/i, /escape/i, /overkill/i, /recall/i, /precision/i, /p95|latency/i];
    const place = order.findIndex((pattern) => pattern.test(name));
    return place < 0 ? order.length : place;
  };
  return Object.entries(metrics)
    .filter(([name, value]) => Number.isFinite(value) && !OF_A_PROOF.test(name))
    .sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))
    .slice(0, most)
    .map(([name, value]) => ({ name: name.replace(/^metrics\//, ""), value }));
}

export type Wrong = "escape" | "overkill";

export interface Proof {
  readonly kind: Wrong;
  /** Share of the test parts judged wrongly, and the upper limit of the true share with 95 % confidence. */
  readonly share: number;
  readonly atMost: number;
  readonly allowed: number;
  /** Parts without an error that are missing; 0 where the allowed share is proven. */
  readonly parts: number;
  readonly state: "proven" | "missing" | "exceeded";
}

/** What the test parts prove of a version's wrong verdicts; nothing for a version from before this was worked out. */
export function proofsOf(metrics: Readonly<Record<string, number>>): readonly Proof[] {
  const kinds: readonly Wrong[] = ["escape", "overkill"];
  return kinds.flatMap((kind) => {
    const [share, atMost, allowed, parts] = ["rate", "at_most", "allowed", "parts_to_prove"].map((name) => metrics[`${kind}_${name}`]);
    if (share === undefined || atMost === undefined || allowed === undefined || parts === undefined) return [];
    const state = parts === 0 ? "proven" : share > allowed ? "exceeded" : "missing";
    return [{ kind, share, atMost, allowed, parts, state }];
  });
}

export interface Curves {
  /** The run that they belong to. */
  readonly jobId: string | null;
  /** Per figure, pairs of round and value. */
  readonly series: ReadonlyMap<string, readonly (readonly [number, number])[]>;
}

export const NO_CURVES: Curves = { jobId: null, series: new Map() };

/** The curves with one more look at the training: shares only (0 to 1), one point per round. */
export function withPoint(curves: Curves, training: Training): Curves {
  const jobId = training.job_id ?? null;
  const series = new Map(curves.jobId === jobId ? curves.series : []);
  for (const [name, value] of Object.entries(training.metrics ?? {})) {
    if (!/map|recall|precision/i.test(name) || !(value >= 0 && value <= 1)) continue;
    const points = series.get(name) ?? [];
    const epoch = training.epoch ?? 0;
    series.set(name, [...points.filter(([round]) => round < epoch), [epoch, value] as const]);
  }
  return { jobId, series };
}
