/** Which key does what in review. */
import type { Tool } from "../../annotation/tools";

export type Act =
  | "save" | "good" | "skip" | "back" | "undo" | "redo" | "delete" | "escape" | "close"
  | "fit" | "fill" | "help" | "zoom-in" | "zoom-out"
  | { readonly tool: Tool }
  | { readonly className: string }
  | { readonly nudge: readonly [number, number] }
  | { readonly step: 1 | -1 };

export interface Pressed {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

const FAR_PX = 10;
const PLAIN: Readonly<Record<string, Act>> = {
  g: "good", k: "skip", l: "back", f: "fit", m: "fill", "?": "help", "+": "zoom-in", "=": "zoom-in", "-": "zoom-out",
  delete: "delete", backspace: "delete", escape: "escape",
  v: { tool: "select" }, r: { tool: "box" }, p: { tool: "polygon" }, s: { tool: "segment" },
};
const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
};

/**
 * What a key asks for, null for nothing of ours.
 *
 * Enter saves unless a button has the focus, and closes a polygon that is being drawn. Tab is none of ours: it goes
 * through the page, as everywhere.
 */
export function actOf(pressed: Pressed, classes: readonly string[], where: { isOnCanvas: boolean; isDrawing: boolean; isOnButton?: boolean }): Act | null {
  const { key } = pressed;
  if (pressed.ctrlKey || pressed.metaKey) return controlled(pressed);
  if (pressed.altKey) return null;
  if (key === "Enter") return where.isOnButton ? null : where.isDrawing ? "close" : "save";
  if (key.toLowerCase() === "n") return { step: pressed.shiftKey ? -1 : 1 };
  const arrow = ARROWS[key];
  if (arrow) return where.isOnCanvas ? { nudge: pressed.shiftKey ? [arrow[0] * FAR_PX, arrow[1] * FAR_PX] : arrow } : null;
  if (/^[1-9]$/.test(key)) {
    const className = classes[Number(key) - 1];
    return className === undefined ? null : { className };
  }
  return PLAIN[key.toLowerCase()] ?? null;
}

function controlled({ key, shiftKey }: Pressed): Act | null {
  if (key.toLowerCase() === "z") return shiftKey ? "redo" : "undo";
  return key.toLowerCase() === "y" ? "redo" : null;
}
