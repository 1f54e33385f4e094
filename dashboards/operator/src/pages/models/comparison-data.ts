/** Two versions beside each other, worked out: which figures to show, which side is better, what each picture means. */
import type { Schemas } from "../../api/client";

export type Comparison = Schemas["ComparisonOut"];
export type GateReport = Schemas["GateReport"];
export type Measured = Schemas["MeasuredOut"];
export type DifferingPart = Schemas["DifferingPartOut"];
type Rate = Schemas["RateOut"];

/** The figures with a meaning of their own; `recall` is one class of it. */
export type FigureName = "escape" | "overkill" | "uncertain" | "recall" | "box_ap50" | "latency_p95_ms";
export type Side = "candidate" | "deployed" | "same";

export interface Row {
  readonly name: FigureName;
  readonly className: string;
  readonly candidate: number;
  readonly deployed: number;
  /** The parts behind a share, with its 95 % interval. */
  readonly rates: { readonly candidate: Rate; readonly deployed: Rate } | null;
  readonly better: Side;
}

const LESS_IS_BETTER: ReadonlySet<FigureName> = new Set(["escape", "overkill", "uncertain", "latency_p95_ms"]);
/** Times jump from run to run; below this share of the other one they are the same. */
const SAME_TIME = 0.02;

export function rowsOf(report: GateReport): readonly Row[] {
  const { candidate, deployed } = report;
  const rate = (name: FigureName, a: Rate, b: Rate, className = ""): Row => ({
    name, className, candidate: a.share, deployed: b.share, rates: { candidate: a, deployed: b }, better: betterOf(name, a.share, b.share),
  });
  const plain = (name: "box_ap50" | "latency_p95_ms"): Row => ({
    name, className: "", candidate: candidate[name], deployed: deployed[name], rates: null, better: betterOf(name, candidate[name], deployed[name]),
  });
  const classes = candidate.classes.filter((one) => candidate.recall[one] && deployed.recall[one]);
  return [
    rate("escape", candidate.escape, deployed.escape),
    rate("overkill", candidate.overkill, deployed.overkill),
    rate("uncertain", candidate.uncertain, deployed.uncertain),
    ...classes.map((one) => rate("recall", candidate.recall[one] as Rate, deployed.recall[one] as Rate, one)),
    plain("box_ap50"),
    plain("latency_p95_ms"),
  ];
}

export function betterOf(name: FigureName, candidate: number, deployed: number): Side {
  const slack = name === "latency_p95_ms" ? SAME_TIME * Math.max(candidate, deployed) : 1e-9;
  if (Math.abs(candidate - deployed) <= slack) return "same";
  return candidate < deployed === LESS_IS_BETTER.has(name) ? "candidate" : "deployed";
}

/** What a picture with two decisions costs or saves. */
export type Effect = "escape_new" | "escape_gone" | "overkill_new" | "overkill_gone" | "less_sure" | "surer";

/** On a golden picture the word of the deployed version counts. */
export function effectOf(part: DifferingPart): Effect {
  const { candidate, deployed } = part;
  const isBad = part.truth === "defective" || (part.truth === "golden" && deployed === "fail");
  const wrong = isBad ? "pass" : "fail";
  const kind = isBad ? "escape" : "overkill";
  if (candidate === wrong) return `${kind}_new`;
  if (deployed === wrong) return `${kind}_gone`;
  return candidate === "uncertain" ? "less_sure" : "surer";
}

export const isWorse = (effect: Effect): boolean => effect === "escape_new" || effect === "overkill_new" || effect === "less_sure";

export interface Difference {
  readonly part: DifferingPart;
  /** Its place in the report, by which the drawing is asked for. */
  readonly number: number;
  readonly effect: Effect;
}

export function differencesOf(report: GateReport): readonly Difference[] {
  return report.differing.map((part, number) => ({ part, number, effect: effectOf(part) }));
}

export interface Tally {
  readonly worse: number;
  readonly better: number;
}

export function tallyOf(differences: readonly Difference[]): Tally {
  const worse = differences.filter((one) => isWorse(one.effect)).length;
  return { worse, better: differences.length - worse };
}

/** Where a share and its interval lie on a scale that ends at the largest upper end of the two, in per cent. */
export function bandOf(rate: Rate, other: Rate): { left: number; width: number; mark: number } {
  const most = Math.max(rate.high, other.high, 1e-6);
  const place = (share: number) => Math.min(100, Math.max(0, (share / most) * 100));
  return { left: place(rate.low), width: place(rate.high) - place(rate.low), mark: place(rate.share) };
}
