import { expect, test } from "vitest";
import { de } from "../src/i18n/de";
import { en } from "../src/i18n/en";
import { fill } from "../src/i18n/fill";
import { zh } from "../src/i18n/zh";

const places = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

test.each([
  ["German", de],
  ["Chinese", zh],
])("%s has every text, with the same places to fill", (_name, texts: Record<string, string>) => {
  expect(Object.keys(texts)).toEqual(Object.keys(en));
  for (const [key, text] of Object.entries(en)) {
    expect(texts[key]?.trim(), key).toBeTruthy();
    expect(places(texts[key] ?? ""), key).toEqual(places(text));
  }
});

test("places are filled, and one without a value is seen", () => {
  expect(fill("{a} of {b}", { a: 0 })).toBe("0 of {b}");
});
