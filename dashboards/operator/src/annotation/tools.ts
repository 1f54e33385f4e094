/**
 * What the pointer does with each tool, as a state machine without a screen: an event and the editor before it give the
 * editor after it. Points come in pixels of the screen; `reach` is how near is near enough, larger for fingers.
 */
import { begun, redone, stepped, undone } from "./history";
import type { History } from "./history";
import { HANDLES, added, cleared, cornerAdded, cornerAt, cornerMoved, cornerRemoved, edgeAt, handleAt, moved, regionAt, regionOf, removed, resized, withClass } from "./model";
import type { Box, Corner, Handle, Marks, Point } from "./model";
import { panned, toPicture, toScreen } from "./viewport";
import type { View } from "./viewport";

export type Tool = "select" | "box" | "polygon" | "segment";

type Drag =
  | { readonly kind: "pan"; readonly from: Point }
  | { readonly kind: "move"; readonly from: Point }
  | { readonly kind: "resize"; readonly handle: Handle }
  | { readonly kind: "corner"; readonly corner: Corner }
  | { readonly kind: "draw"; readonly from: Point };

/** What the segmenter is asked: the region in a box, or around a point. */
export type Prompt = { readonly box: Box } | { readonly point: Point };

export interface Editor {
  readonly history: History<Marks>;
  /** While something is dragged: how it would be if it were let go now. */
  readonly live: Marks | null;
  readonly view: View;
  readonly tool: Tool;
  /** Of the next region. */
  readonly className: string;
  /** Id of the chosen region, 0 for none. */
  readonly selected: number;
  readonly corner: Corner | null;
  /** Corners of the polygon that is being drawn; the pointer is its last one. */
  readonly draft: readonly Point[];
  readonly rubber: Box | null;
  readonly pointer: Point | null;
  readonly drag: Drag | null;
}

export interface Press {
  readonly at: Point;
  readonly reach: number;
  /** Pans whatever the tool is. */
  readonly pan?: boolean;
  /** Takes a corner away. */
  readonly cut?: boolean;
}

export function newEditor(marks: Marks, view: View, className: string): Editor {
  const idle = { live: null, selected: 0, corner: null, draft: [], rubber: null, pointer: null, drag: null };
  return { history: begun(marks), view, tool: "select", className, ...idle };
}

export const shownMarks = (editor: Editor): Marks => editor.live ?? editor.history.present;

export function pressed(editor: Editor, press: Press): Editor {
  const at = toPicture(editor.view, press.at);
  if (press.pan) return { ...editor, drag: { kind: "pan", from: press.at } };
  if (editor.tool === "box" || editor.tool === "segment") {
    return { ...editor, selected: 0, drag: { kind: "draw", from: at }, rubber: null };
  }
  if (editor.tool === "polygon") return cornerDrawn(editor, press);
  return selecting(editor, press, at);
}

function selecting(editor: Editor, press: Press, at: Point): Editor {
  const marks = editor.history.present;
  const reach = press.reach / editor.view.scale;
  const chosen = regionOf(marks, editor.selected);
  if (chosen !== null && chosen.rings.length === 0) {
    const handle = HANDLES.find((one) => isNear(toScreen(editor.view, handleAt(chosen.box, one)), press.at, press.reach));
    if (handle) return { ...editor, drag: { kind: "resize", handle } };
  }
  if (chosen !== null && chosen.rings.length > 0) {
    const corner = cornerAt(chosen, at, reach);
    if (corner !== null && press.cut) return withStep({ ...editor, corner: null }, cornerRemoved(marks, chosen.id, corner));
    if (corner !== null) return { ...editor, corner, drag: { kind: "corner", corner } };
    const edge = edgeAt(chosen, at, reach / 2);
    if (edge !== null) {
      const corner = { ring: edge.ring, index: edge.index + 1 };
      return { ...editor, corner, live: cornerAdded(marks, chosen.id, edge, at), drag: { kind: "corner", corner } };
    }
  }
  const hit = regionAt(marks, at, reach / 2);
  if (hit === null) return { ...editor, selected: 0, corner: null, drag: { kind: "pan", from: press.at } };
  return { ...editor, selected: hit.id, corner: null, className: hit.className, drag: { kind: "move", from: at } };
}

function cornerDrawn(editor: Editor, press: Press): Editor {
  const first = editor.draft[0];
  const closes = first !== undefined && editor.draft.length >= 3 && isNear(toScreen(editor.view, first), press.at, press.reach);
  if (closes) return polygonClosed(editor);
  return { ...editor, selected: 0, draft: [...editor.draft, toPicture(editor.view, press.at)] };
}

/** The drawn corners become a region; fewer than three are forgotten. */
export function polygonClosed(editor: Editor): Editor {
  if (editor.draft.length < 3) return { ...editor, draft: [] };
  const [x, y] = editor.draft[0] as Point;
  return withNew({ ...editor, draft: [] }, added(editor.history.present, editor.className, [x, y, x, y], [editor.draft]));
}

export function dragged(editor: Editor, to: Point): Editor {
  const { drag } = editor;
  const at = toPicture(editor.view, to);
  if (drag === null) return { ...editor, pointer: at };
  // An added corner is in `live` alone; every other drag begins from what was there before.
  const marks = drag.kind === "corner" ? shownMarks(editor) : editor.history.present;
  switch (drag.kind) {
    case "pan":
      return { ...editor, view: panned(editor.view, to[0] - drag.from[0], to[1] - drag.from[1]), drag: { kind: "pan", from: to } };
    case "move":
      return { ...editor, live: movedFar(editor, drag.from, at) ? moved(marks, editor.selected, at[0] - drag.from[0], at[1] - drag.from[1]) : null };
    case "resize":
      return { ...editor, live: resized(marks, editor.selected, drag.handle, at) };
    case "corner":
      return { ...editor, live: cornerMoved(marks, editor.selected, drag.corner, at) };
    case "draw":
      return { ...editor, pointer: at, rubber: [drag.from[0], drag.from[1], at[0], at[1]] };
  }
}

/** A click that trembles moves nothing. */
function movedFar(editor: Editor, from: Point, to: Point): boolean {
  return editor.live !== null || Math.hypot(to[0] - from[0], to[1] - from[1]) * editor.view.scale > 3;
}

/** What is let go becomes a step; the segmenter's tool asks instead. */
export function released(editor: Editor): readonly [Editor, Prompt | null] {
  const { drag, rubber, live } = editor;
  const still = { ...editor, drag: null, rubber: null, live: null };
  if (drag === null) return [editor, null];
  if (drag.kind !== "draw") return [live === null ? still : withStep(still, live), null];
  if (editor.tool === "segment") return [still, promptOf(editor, drag.from, rubber)];
  return [rubber === null ? still : withNew(still, added(editor.history.present, editor.className, rubber)), null];
}

function promptOf(editor: Editor, from: Point, rubber: Box | null): Prompt | null {
  const { width, height } = editor.history.present;
  const inside = ([x, y]: Point): Point => [Math.min(width, Math.max(0, x)), Math.min(height, Math.max(0, y))];
  const isClick = rubber === null || Math.hypot(rubber[2] - rubber[0], rubber[3] - rubber[1]) * editor.view.scale < 6;
  if (isClick) return from.every((value, axis) => value >= 0 && value <= (axis === 0 ? width : height)) ? { point: from } : null;
  const [a, b] = [inside([rubber[0], rubber[1]]), inside([rubber[2], rubber[3]])];
  const box: Box = [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  return box[2] - box[0] >= 1 && box[3] - box[1] >= 1 ? { box } : null;
}

export function withTool(editor: Editor, tool: Tool): Editor {
  return { ...editor, tool, draft: [], rubber: null, drag: null, live: null, corner: null };
}

/** Gives up what is being drawn, then the choice. */
export function escaped(editor: Editor): Editor {
  if (editor.draft.length > 0 || editor.drag !== null) return { ...editor, draft: [], rubber: null, drag: null, live: null };
  if (editor.tool !== "select") return withTool(editor, "select");
  return { ...editor, selected: 0, corner: null };
}

/** The class of the next region, and of the chosen one. */
export function classChosen(editor: Editor, className: string): Editor {
  const next = { ...editor, className };
  return editor.selected === 0 ? next : withStep(next, withClass(editor.history.present, editor.selected, className));
}

/** Takes away the chosen corner, else the chosen region, else the last corner drawn. */
export function deleted(editor: Editor): Editor {
  if (editor.draft.length > 0) return { ...editor, draft: editor.draft.slice(0, -1) };
  if (editor.selected === 0) return editor;
  const marks = editor.history.present;
  if (editor.corner !== null) return withStep({ ...editor, corner: null }, cornerRemoved(marks, editor.selected, editor.corner));
  return withStep({ ...editor, selected: 0 }, removed(marks, editor.selected));
}

export function allDeleted(editor: Editor): Editor {
  const marks = editor.history.present;
  return marks.regions.length === 0 ? editor : withStep({ ...editor, selected: 0, corner: null }, cleared(marks));
}

export function nudged(editor: Editor, dx: number, dy: number): Editor {
  return editor.selected === 0 ? editor : withStep(editor, moved(editor.history.present, editor.selected, dx, dy));
}

/** The next region, or the one before, in the order in which they were made. */
export function nextSelected(editor: Editor, step: 1 | -1): Editor {
  const { regions } = editor.history.present;
  if (regions.length === 0) return editor;
  const here = regions.findIndex((region) => region.id === editor.selected);
  const next = here < 0 ? (step > 0 ? 0 : regions.length - 1) : (here + step + regions.length) % regions.length;
  const region = regions[next];
  return region === undefined ? editor : { ...editor, selected: region.id, corner: null, className: region.className };
}

export function undoneIn(editor: Editor): Editor {
  return { ...editor, ...nothingChosen, history: undone(editor.history) };
}

export function redoneIn(editor: Editor): Editor {
  return { ...editor, ...nothingChosen, history: redone(editor.history) };
}

const nothingChosen = { selected: 0, corner: null, draft: [], drag: null, live: null, rubber: null } as const;

export function withStep(editor: Editor, marks: Marks): Editor {
  return { ...editor, history: stepped(editor.history, marks) };
}

/** A new region is the chosen one: its class can be changed at once. */
export function withNew(editor: Editor, made: readonly [Marks, number] | null): Editor {
  return made === null ? editor : { ...withStep(editor, made[0]), selected: made[1], corner: null };
}

function isNear(a: Point, b: Point, reach: number): boolean {
  return Math.hypot(a[0] - b[0], a[1] - b[1]) <= reach;
}
