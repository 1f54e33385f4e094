/** The configuration as the editor holds it: what is in force, what somebody has typed, and what that asks of the API. */
import type { Schemas } from "../../api/client";

export type Config = Schemas["ConfigOut"];
export type Field = Schemas["ConfigField"];
export type Revision = Schemas["RevisionOut"];

/** What may differ from station to station. */
export const RULES = [
  "takt_s", "deadline_ms", "pass_rate_target_percent", "alert_window_min", "alert_least_parts", "control_chart",
  "control_chart_parts", "drift", "drift_psi", "drift_parts",
] as const satisfies readonly (keyof Schemas["StationRules"])[];
export const PLANT = [
  "shift_starts", "timezone", "gate_latency_budget_ms", "smtp_least_severity", "log_level", "retention_pass_days",
  "retention_uncertain_days", "retention_fail_days", "retention_last_failures", "retention_free_target_percent",
  "retention_space_min_days", "storage_alarm_free_percent",
] as const satisfies readonly (keyof Schemas["RuntimeConfig"])[];
export type RuleName = (typeof RULES)[number];
export type Name = RuleName | (typeof PLANT)[number];

/** A station's id, or "" for everywhere. */
export type Scope = string;

/** What was typed, by scope and name; empty text is back to what holds without a change. */
export type Draft = ReadonlyMap<Scope, ReadonlyMap<Name, string>>;
export const UNTOUCHED: Draft = new Map();

export const fieldOf = (config: Config, name: Name): Field | null => config.fields.find((field) => field.name === name) ?? null;

/** What holds in a scope as text; empty where a station has nothing of its own. */
export function textOf(config: Config, scope: Scope, name: Name): string {
  const value: unknown = scope === "" ? fieldOf(config, name)?.value : (config.values.station_rules?.[scope] as Record<string, unknown> | undefined)?.[name];
  if (value === null || value === undefined) return "";
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** With one more input; what is as it was before is no change. */
export function typedIn(draft: Draft, config: Config, scope: Scope, name: Name, text: string): Draft {
  const names = new Map(draft.get(scope) ?? []);
  if (text.trim() === textOf(config, scope, name)) names.delete(name);
  else names.set(name, text);
  const next = new Map(draft);
  if (names.size === 0) next.delete(scope);
  else next.set(scope, names);
  return next;
}

export const changesIn = (draft: Draft): number => [...draft.values()].reduce((sum, names) => sum + names.size, 0);

/** Why a text cannot be taken: the limit that it breaks, or that it is no number; null where it can. */
export function wrongWith(field: Field, text: string): string | null {
  if (text.trim() === "" || typeof field.value !== "number") return null;
  const value = numberOf(text);
  const { minimum, maximum, exclusiveMinimum } = field.limits;
  if (!Number.isFinite(value)) return "…";
  if (minimum !== undefined && value < minimum) return `≥ ${minimum}`;
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return `> ${exclusiveMinimum}`;
  return maximum !== undefined && value > maximum ? `≤ ${maximum}` : null;
}

/** The draft as the API takes it: a JSON Merge Patch from the version that was read. */
export function patchOf(config: Config, draft: Draft): Record<string, unknown> {
  const patch: Record<string, unknown> = { version: config.version };
  const stations: Record<string, Record<string, unknown>> = {};
  for (const [scope, names] of draft) {
    for (const [name, text] of names) {
      const value = valueOf(fieldOf(config, name), text);
      if (scope === "") patch[name] = value;
      else stations[scope] = { ...stations[scope], [name]: value };
    }
  }
  return Object.keys(stations).length > 0 ? { ...patch, station_rules: stations } : patch;
}

function valueOf(field: Field | null, text: string): unknown {
  const plain = text.trim();
  if (plain === "") return null;
  if (typeof field?.value === "number") return numberOf(plain);
  if (typeof field?.value === "boolean") return plain === "true";
  if (Array.isArray(field?.value)) return plain.split(",").map((one) => one.trim()).filter(Boolean);
  return plain;
}

const numberOf = (text: string): number => Number(text.trim().replace(",", "."));

/** What another person has changed between two versions, as scope and name. */
export function changedBetween(before: Config, after: Config): readonly (readonly [Scope, Name])[] {
  const scopes = new Set(["", ...Object.keys(before.values.station_rules ?? {}), ...Object.keys(after.values.station_rules ?? {})]);
  return [...scopes].flatMap((scope) =>
    (scope === "" ? [...RULES, ...PLANT] : RULES)
      .filter((name) => textOf(before, scope, name) !== textOf(after, scope, name))
      .map((name) => [scope, name] as const),
  );
}

/** The draft on a newer version: all that was typed, without what is in force by now. */
export function rebased(draft: Draft, config: Config): Draft {
  let next = UNTOUCHED;
  for (const [scope, names] of draft) for (const [name, text] of names) next = typedIn(next, config, scope, name, text);
  return next;
}

/** One change of a revision, a station's rules taken apart. */
export interface Step {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

export function stepsOf(revision: Revision): readonly Step[] {
  return Object.keys(revision.after).flatMap((name) => {
    const [before, after] = [revision.before[name], revision.after[name]];
    return name === "station_rules" ? stationSteps(before, after) : [{ name, before: shown(before), after: shown(after) }];
  });
}

function stationSteps(before: unknown, after: unknown): readonly Step[] {
  const flat = (rules: unknown) =>
    new Map(Object.entries((rules ?? {}) as Record<string, Record<string, unknown>>).flatMap(([station, own]) => Object.entries(own).map(([name, value]) => [`${station}: ${name}`, shown(value)] as const)));
  const [old, now] = [flat(before), flat(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((name) => ({ name, before: old.get(name) ?? "–", after: now.get(name) ?? "–" }))
    .filter((step) => step.before !== step.after);
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "–";
  return Array.isArray(value) ? value.join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value);
}
