/** What a session is, apart from where it is kept and how it is renewed. */
import type { components } from "./schema";

export type TokenAnswer = components["schemas"]["TokenResponse"];
export const ROLES = ["viewer", "operator", "engineer", "admin"] as const;
export type Role = (typeof ROLES)[number];

export interface Tokens {
  readonly access: string;
  readonly refresh: string;
  readonly userId: string;
  readonly username: string;
  readonly roles: readonly string[];
  readonly mustChangePassword: boolean;
  /** By the clock of this machine, counted from the moment the answer came. */
  readonly expiresAtMs: number;
  readonly lifeMs: number;
  /** When this browser received them: of two pairs the later one is good, the earlier one is used up. */
  readonly receivedAtMs: number;
}

export function tokensOf(answer: TokenAnswer, nowMs: number): Tokens {
  const lifeMs = answer.expires_in * 1000;
  return {
    access: answer.access_token,
    refresh: answer.refresh_token,
    userId: answer.user.id,
    username: answer.user.username,
    roles: answer.user.roles,
    mustChangePassword: answer.must_change_password,
    expiresAtMs: nowMs + lifeMs,
    lifeMs,
    receivedAtMs: nowMs,
  };
}

export function isNewer(tokens: Tokens | null, known: Tokens | null): boolean {
  return tokens !== null && (known === null || tokens.receivedAtMs > known.receivedAtMs);
}

/** Milliseconds until the tokens should be renewed: at three quarters of their life, or now. */
export function renewInMs(tokens: Tokens, nowMs: number): number {
  return Math.max(0, tokens.expiresAtMs - tokens.lifeMs / 4 - nowMs);
}

/** Whether a call can still be made; half a minute is left for its way. */
export function isUsable(tokens: Tokens, nowMs: number): boolean {
  return tokens.expiresAtMs - Math.min(30_000, tokens.lifeMs / 4) > nowMs;
}

/** Each role may do what the ones before it may. */
export function reaches(roles: readonly string[], needed: Role): boolean {
  const least = ROLES.indexOf(needed);
  return roles.some((role) => ROLES.indexOf(role as Role) >= least);
}

/** The tokens in a stored or received text, null for anything else. */
export function parseTokens(text: string | null): Tokens | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isTokens(value) ? value : null;
  } catch {
    return null;
  }
}

export function isTokens(value: unknown): value is Tokens {
  if (typeof value !== "object" || value === null) return false;
  const tokens = value as Record<string, unknown>;
  const texts = ["access", "refresh", "userId", "username"].every((key) => typeof tokens[key] === "string");
  const numbers = ["expiresAtMs", "lifeMs", "receivedAtMs"].every((key) => Number.isFinite(tokens[key]));
  return texts && numbers && Array.isArray(tokens["roles"]) && typeof tokens["mustChangePassword"] === "boolean";
}
