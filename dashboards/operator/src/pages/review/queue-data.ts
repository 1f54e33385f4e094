/** What waits for review and what waits to be sent, as values. */
import type { Schemas } from "../../api/client";
import type { Annotation } from "../../annotation/model";

export type Item = Schemas["QueueItemOut"];

/** One decision of a person that the server has not confirmed yet. */
export interface Sending {
  readonly itemId: string;
  readonly userId: string;
  /** Null for a picture that was skipped. */
  readonly annotations: readonly Annotation[] | null;
  readonly allowNew: boolean;
  readonly replace: boolean;
}

/** The outbox with one more; what was to be sent of the same picture before is superseded. */
export function enqueued(outbox: readonly Sending[], one: Sending): readonly Sending[] {
  return [...outbox.filter((other) => other.itemId !== one.itemId), one];
}

/** What is to be shown next: the fetched pictures without those that are done, or wait to be sent. */
export function waiting(items: readonly Item[], outbox: readonly Sending[], done: ReadonlySet<string>): readonly Item[] {
  const sent = new Set(outbox.map((one) => one.itemId));
  return items.filter((item) => !done.has(item.id) && !sent.has(item.id));
}

/** Whether sending it again later may help; a refusal stays one. */
export function isWorthRetrying(status: number): boolean {
  return status === 0 || status === 401 || status === 408 || status === 429 || status >= 500;
}

export function parseOutbox(text: string | null): readonly Sending[] {
  const found = parse(text);
  return Array.isArray(found) ? found.filter(isSending) : [];
}

function isSending(value: unknown): value is Sending {
  if (typeof value !== "object" || value === null) return false;
  const one = value as Record<string, unknown>;
  return typeof one["itemId"] === "string" && typeof one["userId"] === "string" && (one["annotations"] === null || Array.isArray(one["annotations"]));
}

/** The draft of a picture as it was kept, null where it is not one. */
export function parseDraft(text: string | null): readonly Annotation[] | null {
  const found = parse(text);
  if (!Array.isArray(found)) return null;
  const isOne = (value: unknown): boolean =>
    typeof value === "object" && value !== null && typeof (value as Annotation).class_name === "string" && Array.isArray((value as Annotation).bbox);
  return found.every(isOne) ? (found as Annotation[]) : null;
}

function parse(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** Bright on dark pictures, and told apart by people who do not see red and green as others do. */
const COLOURS = ["#ff6b6b", "#ffb000", "#2fd08c", "#5cb8ff", "#e58bff", "#f7e04b", "#ff9a5c", "#8ce6e6", "#b4e04a"];

export function colourOf(className: string, classes: readonly string[]): string {
  const place = classes.indexOf(className);
  return COLOURS[(place < 0 ? classes.length : place) % COLOURS.length] as string;
}
