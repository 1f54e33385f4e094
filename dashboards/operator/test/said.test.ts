// @vitest-environment happy-dom
import { afterEach, expect, test } from "vitest";
import { locale } from "../src/i18n/locale";
import { alertWords, gateHeadlines, gateSentence } from "../src/parts/said-data";

afterEach(() => locale.choose("en"));

const alert = {
  title: "Pass rate below threshold",
  message: "Pass rate 87% is below the 90% target",
  code: "pass_rate_low",
  params: { percent: 87, target_percent: 90, parts: 1200, window_min: 60 },
};

test("an alert is told in the language chosen, with figures as that language writes them", () => {
  expect(alertWords(alert).message).toBe("87% of 1,200 parts in 60 min passed; the target is 90%.");
  locale.choose("de");
  expect(alertWords(alert)).toEqual({
    title: "Gutquote unter dem Ziel",
    message: "87\u00a0% von 1.200 Teilen in 60 min waren gut; das Ziel ist 90\u00a0%.",
  });
});

test("why an alert ended stands behind it, and the rule of a control chart in words", () => {
  const ended = { ...alert, ended_code: "too_few_parts", params: { ...alert.params, ended_parts: 3, ended_window_min: 60, ended_needed: 50 } };
  expect(alertWords(ended).message).toMatch(/90%\. Ended without a new judgement: 3 parts in 60 min, and 50 are needed\.$/);
  const chart = { ...alert, code: "rejects_above", params: { rule: 2, newest: 0.3, centre: 0.1, sigma: 0.0424, size: 50 } };
  expect(alertWords(chart).message).toContain("two of three points beyond 2 sigma, above the centre line. Newest point 30.0% rejected");
});

test("what has no code, or one of a newer platform, is told as it came", () => {
  for (const code of [null, undefined, "of_tomorrow", "toString"]) {
    expect(alertWords({ ...alert, code })).toEqual({ title: alert.title, message: alert.message });
  }
  expect(gateSentence("more escapes", undefined)).toBe("more escapes");
  expect(gateHeadlines("too slow; odd", ["too_slow", "of_tomorrow"])).toBe("too slow; odd");
});

test("the gate compares two shares with their intervals", () => {
  const rate = (side: string, count: number) => ({ [`${side}_count`]: count, [`${side}_of`]: 200, [`${side}_share`]: count / 200, [`${side}_low`]: 0.01, [`${side}_high`]: 0.06 });
  const word = { code: "more_escapes", params: { ...rate("now", 5), ...rate("before", 4) } };
  expect(gateSentence("", word)).toBe("More escapes: 2.5% (5 of 200; 95 %: 1.0% to 6.0%); in use 2.0% (4 of 200; 95 %: 1.0% to 6.0%)");
  locale.choose("zh");
  expect(gateSentence("", { code: "golden_differs", params: { picture: "a.png", found: "pass", expected: "fail" } })).toBe("基准图片 a.png：合格，在用版本 不合格");
  expect(gateHeadlines("", ["more_escapes", "parity", "parity"])).toBe("漏检增多 · 推理后端不一致");
});
