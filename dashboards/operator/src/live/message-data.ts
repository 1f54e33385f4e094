/** Messages of the event stream, taken apart. */
import type { Inspection } from "../api/client";

export interface Figures {
  readonly total_inspections: number;
  readonly passed: number;
  readonly failed: number;
  readonly uncertain: number;
  readonly pass_rate: number;
  readonly avg_inspection_time_ms: number;
  readonly defect_breakdown: Readonly<Record<string, number>>;
}

export type Message =
  | { readonly type: "inspection"; readonly seq: number; readonly data: Inspection }
  | { readonly type: "ping" | "stats"; readonly seq: number; readonly data: Figures }
  | { readonly type: "reset"; readonly seq: number }
  | { readonly type: "auth" | "error"; readonly seq: number }
  | { readonly type: "other"; readonly seq: number; readonly about: string };

/** A message, null for what is none. An unknown type is kept as `other`: newer servers may say more. */
export function parseMessage(text: string): Message | null {
  try {
    return toMessage(JSON.parse(text));
  } catch {
    return null;
  }
}

export function toMessage(value: unknown): Message | null {
  if (typeof value !== "object" || value === null) return null;
  const { type, seq, data } = value as Record<string, unknown>;
  if (typeof type !== "string" || typeof seq !== "number") return null;
  switch (type) {
    case "inspection":
      return isObject(data) && typeof data["id"] === "string" ? { type, seq, data: data as Inspection } : null;
    case "ping":
    case "stats":
      return isObject(data) ? { type, seq, data: data as unknown as Figures } : null;
    case "reset":
    case "auth":
    case "error":
      return { type, seq };
    default:
      return { type: "other", seq, about: type };
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
