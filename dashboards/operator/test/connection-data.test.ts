import { describe, expect, test } from "vitest";
import { FIRST, LOST_MS, isTrusted, next, restart, shouldAsk, shouldPoll, waitMs } from "../src/live/connection-data";
import type { Happening, Link } from "../src/live/connection-data";

const after = (...events: Happening[]): Link => events.reduce(next, FIRST);
const heard = (nowMs: number, seq?: number): Happening => ({ kind: "heard", nowMs, ...(seq === undefined ? {} : { seq }) });

describe("the connection", () => {
  test("is lost within three seconds of silence, and live again with the next word", () => {
    expect(LOST_MS).toBeLessThan(3_000);
    const live = after(heard(10_000, 7));
    expect(next(live, { kind: "tick", nowMs: 10_000 + LOST_MS - 1 }).phase).toBe("live");
    const lost = next(live, { kind: "tick", nowMs: 10_000 + LOST_MS });
    expect(lost).toEqual({ phase: "lost", after: 7, heardMs: 10_000, failures: 0 });
    expect(isTrusted(lost)).toBe(false);
    expect(next(lost, heard(20_000, 9)).phase).toBe("live");
  });

  test("goes on after the newest event, whatever order pings and events come in", () => {
    expect(after(heard(1, 5), heard(2, 9), heard(3, 8), heard(4)).after).toBe(9);
    expect(restart(after(heard(1, 900)), 3).after).toBe(3);
  });

  test("stays lost while attempts fail, and asks instead after two of them", () => {
    const broken: Happening = { kind: "broken" };
    const lost = after(heard(0, 1), { kind: "tick", nowMs: 5_000 }, broken);
    expect(lost.phase).toBe("lost");
    expect(shouldPoll(lost)).toBe(false);
    const asking = next(lost, broken);
    expect(shouldPoll(asking)).toBe(true);
    const polled = next(asking, { kind: "polled", nowMs: 6_000, seq: 4 });
    expect([polled.phase, polled.after, isTrusted(polled), shouldPoll(polled)]).toEqual(["polling", 4, true, true]);
    expect(shouldPoll(next(polled, heard(6_100)))).toBe(false);
  });

  test("polling without an answer is lost too", () => {
    const polled = after({ kind: "polled", nowMs: 100, seq: 1 });
    expect(next(polled, { kind: "tick", nowMs: 100 + LOST_MS }).phase).toBe("lost");
  });

  test("asks for a sign of life after a second, not before the first word", () => {
    expect(shouldAsk(FIRST, 99_999)).toBe(false);
    expect([shouldAsk(after(heard(0)), 999), shouldAsk(after(heard(0)), 1_000)]).toEqual([false, true]);
  });

  test("waits longer with each failure, spread, and never beyond ten seconds", () => {
    expect([waitMs(1, 0), waitMs(1, 1), waitMs(3, 1), waitMs(50, 1)]).toEqual([125, 250, 1_000, 10_000]);
  });
});
