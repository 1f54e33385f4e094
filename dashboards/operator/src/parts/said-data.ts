/** What the platform says by a code and its figures, in the language of whoever looks; without a code in English. */
import { isKnown, locale, t } from "../i18n/locale";
import type { MessageKey } from "../i18n/locale";

type Figures = Readonly<Record<string, string | number>>;
const RATES = ["now", "before"] as const;
const SHARES: ReadonlySet<string> = new Set(["newest", "centre", "sigma"]);
const DECISIONS: ReadonlySet<string> = new Set(["pass", "fail", "uncertain"]);

export interface AlertWords {
  readonly title: string;
  readonly message: string;
}

/** Title and message of an alert; one of a cause without a code, or of a newer platform, in its own words. */
export function alertWords(alert: {
  readonly title: string;
  readonly message: string;
  readonly code?: string | null | undefined;
  readonly params?: Figures | undefined;
  readonly ended_code?: string | null | undefined;
}): AlertWords {
  const [title, message] = [`said.${alert.code}`, `said.${alert.code}_text`];
  if (!alert.code || !isKnown(title) || !isKnown(message)) return { title: alert.title, message: alert.message };
  const values = shown(alert.params ?? {});
  const ended = `ended.${alert.ended_code}`;
  const end = alert.ended_code && isKnown(ended) ? ` ${t(ended, values)}` : "";
  return { title: t(title), message: `${t(message, values).trim()}${end}` };
}

/** A sentence of the gate; without a known code the English one. */
export function gateSentence(text: string, word: { readonly code: string; readonly params?: Figures | undefined } | undefined): string {
  const key = `gate.${word?.code}_text`;
  return word !== undefined && isKnown(key) ? t(key, shown(word.params ?? {})) : text;
}

/** What spoke against a version, in short; in English where a code is not known. */
export function gateHeadlines(text: string, codes: readonly string[]): string {
  const keys = codes.map((code) => `gate.${code}`);
  return keys.length > 0 && keys.every(isKnown) ? [...new Set(keys)].map((key) => t(key as MessageKey)).join(" · ") : text;
}

/** The figures as they are read: rounded, with their unit, shares with their interval. */
function shown(params: Figures): Record<string, string> {
  const found = Object.fromEntries(Object.entries(params).map(([name, value]) => [name, figure(name, value)]));
  for (const side of RATES) {
    const [count, of, share, low, high] = ["count", "of", "share", "low", "high"].map((name) => Number(params[`${side}_${name}`]));
    if (of === undefined || Number.isNaN(of)) continue;
    const range = { count: count ?? 0, of, low: locale.percent(low ?? 0, 1), high: locale.percent(high ?? 0, 1) };
    found[side] = `${locale.percent(share ?? 0, 1)} (${t("compare.range", range)})`;
  }
  const rule = `said.rule_${params["rule"]}`;
  if (isKnown(rule)) found["meaning"] = t(rule);
  return found;
}

function figure(name: string, value: string | number): string {
  if (typeof value === "string") return DECISIONS.has(value) ? t(`decision.${value}` as MessageKey) : value;
  if (name.endsWith("percent")) return locale.percent(value / 100, Number.isInteger(value) ? 0 : 1);
  if (SHARES.has(name)) return locale.percent(value, 1);
  if (name.endsWith("_bytes")) return `${locale.number(value / 2 ** 30, 1)} GiB`;
  return locale.number(value, Number.isInteger(value) ? 0 : 2);
}
