import { expect, test } from "vitest";
import { isNewer, isUsable, parseTokens, reaches, renewInMs, tokensOf } from "../src/api/session-data";
import type { Tokens } from "../src/api/session-data";

const answer = (roles: string[] = ["operator"]) => ({
  access_token: "a",
  refresh_token: "r",
  token_type: "bearer" as const,
  expires_in: 1800,
  must_change_password: false,
  user: { id: "1", username: "ann", roles },
});

test("tokens are renewed at three quarters of their life and used until shortly before its end", () => {
  const tokens = tokensOf(answer(), 1_000);
  expect(renewInMs(tokens, 1_000)).toBe(1_350_000);
  expect(renewInMs(tokens, 9_999_999)).toBe(0);
  expect([isUsable(tokens, 1_000 + 1_769_000), isUsable(tokens, 1_000 + 1_770_000)]).toEqual([true, false]);
});

test("of two pairs the later one is good", () => {
  const [early, late] = [tokensOf(answer(), 1), tokensOf(answer(), 2)];
  expect([isNewer(late, early), isNewer(early, late), isNewer(early, null), isNewer(null, early)]).toEqual([true, false, true, false]);
});

test("each role may do what the lower ones may", () => {
  expect([reaches(["engineer"], "operator"), reaches(["viewer"], "operator"), reaches(["else"], "viewer")]).toEqual([true, false, false]);
});

test("what is kept comes back, and nothing else does", () => {
  const tokens: Tokens = tokensOf(answer(), 5);
  expect(parseTokens(JSON.stringify(tokens))).toEqual(tokens);
  for (const text of [null, "", "{}", "null", "[1]", JSON.stringify({ ...tokens, access: 3 })]) expect(parseTokens(text)).toBeNull();
});
