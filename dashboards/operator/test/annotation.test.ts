import { expect, test } from "vitest";
import { begun, redone, stepped, undone } from "../src/annotation/history";
import { added, annotationsOf, cornerRemoved, isInside, marksOf, moved, regionAt, resized, withClass } from "../src/annotation/model";
import type { Marks, Point } from "../src/annotation/model";
import { allDeleted, classChosen, deleted, dragged, escaped, newEditor, nextSelected, nudged, polygonClosed, pressed, released, shownMarks, undoneIn, redoneIn, withTool } from "../src/annotation/tools";
import type { Editor } from "../src/annotation/tools";
import { MOST_SCALE, fitted, toPicture, toScreen, zoomed } from "../src/annotation/viewport";

const EMPTY: Marks = { width: 200, height: 100, regions: [] };
const TRIANGLE = [[10, 10], [50, 10], [10, 50]] as const;
const VIEW = { scale: 2, x: 10, y: 20 };
const editor = (marks = EMPTY): Editor => newEditor(marks, VIEW, "dent");
/** Presses, drags and lets go, in pixels of the picture. */
function drag(on: Editor, from: Point, to: Point) {
  const held = pressed(on, { at: toScreen(on.view, from), reach: 8 });
  return released(dragged(dragged(held, toScreen(on.view, [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2])), toScreen(on.view, to)));
}
const click = (on: Editor, at: Point, cut = false) => released(pressed(on, { at: toScreen(on.view, at), reach: 8, cut }))[0];

test("suggestions become marks inside the picture, and marks what the API takes", () => {
  const marks = marksOf(200, 100, [
    { class_name: "scratch", bbox: [-5, 10, 30, 400], polygon: [] },
    { class_name: "dent", bbox: [0, 0, 1, 1], polygon: [TRIANGLE] },
    { class_name: "nothing", bbox: [3, 3, 3, 9], polygon: [] },
  ]);
  expect(annotationsOf(marks)).toEqual([
    { class_name: "scratch", bbox: [0, 10, 30, 100] },
    { class_name: "dent", bbox: [10, 10, 50, 50], polygon: [TRIANGLE] },
  ]);
});

test("a box is drawn in any direction, and one that is nothing is none", () => {
  const [drawn] = drag(withTool(editor(), "box"), [80, 60], [20, 30]);
  expect(shownMarks(drawn).regions).toEqual([{ id: 1, className: "dent", box: [20, 30, 80, 60], rings: [] }]);
  expect(drawn.selected).toBe(1);
  expect(shownMarks(drag(withTool(editor(), "box"), [80, 60], [80.2, 60])[0]).regions).toEqual([]);
  expect(shownMarks(drag(withTool(editor(), "box"), [190, 90], [900, 900])[0]).regions[0]?.box).toEqual([190, 90, 200, 100]);
});

test("a chosen box is moved, resized and turned around, each one step to undo", () => {
  let [on] = drag(withTool(editor(), "box"), [20, 30], [60, 50]);
  on = withTool(on, "select");
  [on] = drag(on, [40, 35], [50, 45]);
  expect(shownMarks(on).regions[0]?.box).toEqual([30, 40, 70, 60]);
  [on] = drag(on, [70, 60], [20, 20]); // the corner over the opposite one
  expect(shownMarks(on).regions[0]?.box).toEqual([20, 20, 30, 40]);
  expect(on.history.past).toHaveLength(3);
  expect(shownMarks(undoneIn(on)).regions[0]?.box).toEqual([30, 40, 70, 60]);
  expect(shownMarks(redoneIn(undoneIn(on)))).toBe(shownMarks(on));
});

test("a polygon is closed at its first corner, gains one on an edge and loses it again", () => {
  let on = withTool(editor(), "polygon");
  for (const corner of TRIANGLE) on = click(on, corner);
  expect(shownMarks(on).regions).toHaveLength(0);
  on = withTool(click(on, [10, 10]), "select");
  expect(shownMarks(on).regions[0]).toMatchObject({ box: [10, 10, 50, 50], rings: [TRIANGLE] });
  [on] = drag(on, [30, 10], [30, 2]);
  expect(shownMarks(on).regions[0]?.rings).toEqual([[[10, 10], [30, 2], [50, 10], [10, 50]]]);
  on = click(on, [30, 2], true);
  expect(shownMarks(on).regions[0]?.rings).toEqual([TRIANGLE]);
  expect(cornerRemoved(shownMarks(on), 1, { ring: 0, index: 0 }).regions[0]?.rings).toEqual([TRIANGLE]); // three stay
  expect(shownMarks(polygonClosed({ ...on, draft: [[1, 1], [2, 2]] })).regions).toHaveLength(1);
});

test("the segmenter is asked by a click or a box inside the picture", () => {
  const on = withTool(editor(), "segment");
  expect(released(pressed(on, { at: toScreen(VIEW, [30, 40]), reach: 8 }))[1]).toEqual({ point: [30, 40] });
  expect(drag(on, [150, 80], [300, 20])[1]).toEqual({ box: [150, 20, 200, 80] });
  expect(released(pressed(on, { at: toScreen(VIEW, [-9, 40]), reach: 8 }))[1]).toBeNull();
});

test("keys choose a class, step through the regions, nudge, delete and clear", () => {
  let on = editor(marksOf(200, 100, [1, 2].map((n) => ({ class_name: "dent", bbox: [n * 10, 10, n * 10 + 5, 20], polygon: [] }))));
  on = classChosen(nextSelected(on, -1), "crack");
  expect(shownMarks(on).regions.map((region) => region.className)).toEqual(["dent", "crack"]);
  on = nudged(on, -30, 1);
  expect(shownMarks(on).regions[1]?.box).toEqual([0, 11, 5, 21]);
  expect(shownMarks(deleted(on)).regions).toHaveLength(1);
  expect(shownMarks(allDeleted(on)).regions).toHaveLength(0);
  expect(escaped(escaped(withTool(on, "box"))).selected).toBe(0);
});

test("a trembling click moves nothing", () => {
  const on = editor(marksOf(200, 100, [{ class_name: "dent", bbox: [10, 10, 50, 50], polygon: [] }]));
  const [clicked] = drag(on, [30, 30], [30.6, 30.6]);
  expect(clicked.selected).toBe(1);
  expect(clicked.history).toBe(on.history);
});

test("the smaller of two regions is found, and a polygon only where it is", () => {
  let [marks] = added(EMPTY, "dent", [0, 0, 100, 90])!;
  [marks] = added(marks, "dent", [0, 0, 0, 0], [TRIANGLE])!;
  expect(regionAt(marks, [15, 15], 0)?.id).toBe(2);
  expect(regionAt(marks, [45, 45], 0)?.id).toBe(1);
  expect(regionAt(marks, [150, 50], 1)).toBeNull();
  expect(isInside(TRIANGLE, [12, 12])).toBe(true);
});

test("what is changed stays inside, and the value before stays as it was", () => {
  const [before] = added(EMPTY, "dent", [10, 10, 20, 20])!;
  expect(moved(before, 1, 999, -999).regions[0]?.box).toEqual([190, 0, 200, 10]);
  expect(resized(before, 1, { x: 1, y: 0 }, [10, 0]).regions[0]?.box).toEqual([10, 10, 20, 20]);
  expect(withClass(before, 1, "crack").regions[0]?.className).toBe("crack");
  expect(before.regions[0]).toMatchObject({ className: "dent", box: [10, 10, 20, 20] });
});

test("the view fits, zooms to single pixels around the pointer and comes back", () => {
  const view = fitted(200, 100, 448, 448);
  expect(view).toEqual({ scale: 2, x: 24, y: 124 });
  const near = zoomed(view, 1e9, [100, 200], view.scale);
  expect(near.scale).toBe(MOST_SCALE);
  expect(toPicture(near, [100, 200])).toEqual(toPicture(view, [100, 200]));
  expect(zoomed(near, 1e-9, [0, 0], view.scale).scale).toBe(1);
});

test("a new step gives up what was undone, and nothing is no step", () => {
  const history = stepped(stepped(begun("a"), "b"), "c");
  expect(undone(undone(undone(history))).present).toBe("a");
  expect(redone(undone(history)).present).toBe("c");
  expect(stepped(undone(history), "d")).toMatchObject({ past: ["a", "b"], present: "d", future: [] });
  expect(stepped(history, "c")).toBe(history);
});
