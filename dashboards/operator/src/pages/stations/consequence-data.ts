/** What other rules would make of the last parts, worked out from the defects that are on record. */
import type { Decision, Detection, Inspection } from "../../api/client";
import { draftOf, numberOf } from "./station-data";
import type { Draft, Station } from "./station-data";

export interface Changed {
  readonly inspection: Inspection;
  readonly from: Decision;
  readonly to: Decision;
}

export interface Consequence {
  readonly of: number;
  readonly before: Readonly<Record<Decision, number>>;
  readonly after: Readonly<Record<Decision, number>>;
  readonly changed: readonly Changed[];
  /** Classes of which more may count than is on record: what was ignored at the time is not known any more. */
  readonly unseen: readonly string[];
}

interface Limits {
  readonly accept: number;
  readonly reject: number;
  readonly areaMm2: number;
  readonly areaPx: number;
}
type Rules = ReadonlyMap<string, Limits>;

/** The parts by the rules as they are and by those of the draft. The region is left out: it must be drawn to be seen. */
export function consequenceOf(parts: readonly Inspection[], station: Station, draft: Draft): Consequence {
  const judged = parts.filter((part) => !part.hold_reason); // those waited for a person, whatever the rules said
  const present = draftOf(station, []);
  const before = { pass: 0, fail: 0, uncertain: 0 };
  const after = { pass: 0, fail: 0, uncertain: 0 };
  const changed: Changed[] = [];
  const unseen = new Set<string>();
  for (const inspection of judged) {
    const [now, then] = [rulesOf(inspection, present), rulesOf(inspection, draft)];
    const from = decisionOf(inspection.detections, now, numberOf(present.mmPerPx));
    const to = decisionOf(inspection.detections, then, numberOf(draft.mmPerPx));
    for (const name of looser(inspection, then, draft)) unseen.add(name);
    before[from] += 1;
    after[to] += 1;
    if (from !== to) changed.push({ inspection, from, to });
  }
  return { of: judged.length, before, after, changed, unseen: [...unseen].sort() };
}

/** The thresholds of a draft for the classes that a part was judged by; where it is silent, those that held. */
function rulesOf(inspection: Inspection, draft: Draft): Rules {
  const rules = new Map<string, Limits>();
  for (const [name, held] of Object.entries(inspection.thresholds)) {
    const rule = draft.rules.find((one) => one.className === name);
    const [accept, reject] = [numberOf(rule?.acceptBelow ?? ""), numberOf(rule?.rejectAbove ?? "")];
    const isOwn = accept !== null && reject !== null;
    rules.set(name, {
      accept: isOwn ? accept : held.accept_below,
      reject: isOwn ? reject : held.reject_above,
      areaMm2: numberOf(rule?.minAreaMm2 ?? "") ?? 0,
      areaPx: numberOf(rule?.minAreaPx ?? "") ?? 0,
    });
  }
  return rules;
}

function looser(inspection: Inspection, rules: Rules, draft: Draft): readonly string[] {
  const recipe = inspection.recipe as { readonly thresholds?: object; readonly min_area_px?: Record<string, number>; readonly min_area_mm2?: Record<string, number> };
  return [...rules]
    .filter(([name, limit]) => {
      const isSilent = !draft.rules.some((rule) => rule.className === name && rule.acceptBelow.trim() !== "");
      const isBackToModel = isSilent && Object.keys(recipe.thresholds ?? {}).includes(name);
      const isLower = limit.accept < (inspection.thresholds[name]?.accept_below ?? 0);
      const isSmaller = limit.areaPx < (recipe.min_area_px?.[name] ?? 0) || limit.areaMm2 < (recipe.min_area_mm2?.[name] ?? 0);
      return isBackToModel || isLower || isSmaller;
    })
    .map(([name]) => name);
}

/** As the platform decides: what is too small or too unsure is no defect, one that is sure fails the part. */
export function decisionOf(detections: readonly Detection[], rules: Rules, mmPerPx: number | null): Decision {
  const counted = detections.filter((one) => {
    const limit = rules.get(one.class_name);
    if (limit === undefined) return true;
    const areaMm2 = mmPerPx === null ? null : one.area_px * mmPerPx ** 2;
    return one.confidence >= limit.accept && one.area_px >= limit.areaPx && (areaMm2 === null || areaMm2 >= limit.areaMm2);
  });
  if (counted.some((one) => one.confidence >= (rules.get(one.class_name)?.reject ?? 0))) return "fail";
  return counted.length > 0 ? "uncertain" : "pass";
}
