/**
 * The connection to the events, as values: what is known of it, and what each thing that happens makes of it.
 *
 * Three silences matter. After one second we ask for a sign of life, after `LOST_MS` without any the verdicts on the
 * screen are no longer trusted, and a WebSocket that fails twice in a row is given up for asking (`polling`) while it
 * is tried again now and then.
 */
export type Phase = "connecting" | "live" | "polling" | "lost";

export interface Link {
  readonly phase: Phase;
  /** Number of the last event that was seen; null before the first. */
  readonly after: number | null;
  /** When the server last gave a sign of life, on this machine's monotonic clock; null before the first. */
  readonly heardMs: number | null;
  /** Attempts at a WebSocket that failed since the last good one. */
  readonly failures: number;
}

export type Happening =
  | { readonly kind: "heard"; readonly nowMs: number; readonly seq?: number }
  | { readonly kind: "polled"; readonly nowMs: number; readonly seq: number }
  | { readonly kind: "broken" }
  | { readonly kind: "tick"; readonly nowMs: number };

export const FIRST: Link = { phase: "connecting", after: null, heardMs: null, failures: 0 };
/** A sign of life is asked for after so much silence; the server allows 20 messages in 10 s. */
export const ASK_AFTER_MS = 1_000;
/** Below the three seconds in which a lost connection must show. */
export const LOST_MS = 2_500;
const POLL_AFTER_FAILURES = 2;
const LONGEST_WAIT_MS = 10_000;

export function next(link: Link, event: Happening): Link {
  switch (event.kind) {
    case "heard":
      return { phase: "live", after: newest(link.after, event.seq), heardMs: event.nowMs, failures: 0 };
    case "polled":
      return { ...link, phase: "polling", after: newest(link.after, event.seq), heardMs: event.nowMs };
    case "broken": {
      const phase = link.phase === "polling" || link.phase === "lost" ? link.phase : "connecting";
      return { ...link, phase, failures: link.failures + 1 };
    }
    case "tick":
      return isSilent(link, event.nowMs) && link.phase !== "lost" ? { ...link, phase: "lost" } : link;
  }
}

/** Events are numbered upwards; a server that was set up anew tells so with a `reset`, which `restart` follows. */
function newest(known: number | null, seq: number | undefined): number | null {
  if (seq === undefined) return known;
  return known === null ? seq : Math.max(known, seq);
}

/** After a `reset`: whatever was known of the numbers no longer holds. */
export function restart(link: Link, seq: number): Link {
  return { ...link, after: seq };
}

function isSilent(link: Link, nowMs: number): boolean {
  return link.heardMs !== null && nowMs - link.heardMs >= LOST_MS;
}

/** Whether the verdicts on the screen are the present ones. */
export function isTrusted(link: Link): boolean {
  return link.phase === "live" || link.phase === "polling" || (link.phase === "connecting" && link.heardMs !== null);
}

export function shouldAsk(link: Link, nowMs: number): boolean {
  return link.phase === "live" && link.heardMs !== null && nowMs - link.heardMs >= ASK_AFTER_MS;
}

export function shouldPoll(link: Link): boolean {
  return link.failures >= POLL_AFTER_FAILURES;
}

/** Milliseconds before the next WebSocket: 0.25 s doubled with each failure, up to 10 s, spread by `chance` (0 to 1). */
export function waitMs(failures: number, chance: number): number {
  const longest = Math.min(LONGEST_WAIT_MS, 250 * 2 ** Math.max(0, failures - 1));
  return longest * (0.5 + chance / 2);
}
