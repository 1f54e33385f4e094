import { expect, test } from "vitest";
import { actOf } from "../src/pages/review/keys";
import { colourOf, enqueued, isWorthRetrying, parseDraft, parseOutbox, waiting } from "../src/pages/review/queue-data";
import type { Item, Sending } from "../src/pages/review/queue-data";

const sending = (itemId: string): Sending => ({ itemId, userId: "u", annotations: [], allowNew: false, replace: false });
const pressed = (key: string, more = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });
const where = { isOnCanvas: true, isOnButton: false, isDrawing: false };

test("one picture waits to be sent once, with the latest that was said of it", () => {
  const outbox = enqueued(enqueued([sending("a"), sending("b")], { ...sending("a"), annotations: null }), sending("c"));
  expect(outbox.map((one) => [one.itemId, one.annotations === null])).toEqual([["b", false], ["a", true], ["c", false]]);
  const items = ["a", "b", "d", "e"].map((id) => ({ id }) as Item);
  expect(waiting(items, outbox, new Set(["e"])).map((item) => item.id)).toEqual(["d"]);
});

test("what this device kept is read back, and rubbish is nothing", () => {
  expect(parseOutbox(JSON.stringify([sending("a"), { itemId: 3 }, null]))).toEqual([sending("a")]);
  for (const text of [null, "", "{", "{}", "[1]"]) expect(parseOutbox(text)).toEqual([]);
  expect(parseDraft('[{"class_name":"dent","bbox":[1,2,3,4]}]')).toHaveLength(1);
  for (const text of [null, "{", "{}", "[1]"]) expect(parseDraft(text)).toBeNull();
});

test("a refusal is one, and a server that is away is asked again", () => {
  expect([0, 401, 429, 503].every(isWorthRetrying)).toBe(true);
  expect([400, 403, 404, 409, 422].some(isWorthRetrying)).toBe(false);
});

test("keys do what is written on them, and leave the page's own alone", () => {
  const classes = ["scratch", "dent"];
  expect(actOf(pressed("2"), classes, where)).toEqual({ className: "dent" });
  expect(actOf(pressed("3"), classes, where)).toBeNull();
  expect(actOf(pressed("Enter"), classes, where)).toBe("save");
  expect(actOf(pressed("Enter"), classes, { ...where, isDrawing: true })).toBe("close");
  expect(actOf(pressed("Enter"), classes, { ...where, isOnButton: true })).toBeNull();
  expect(actOf(pressed("Tab"), classes, where)).toBeNull();
  expect(actOf(pressed("Z", { ctrlKey: true, shiftKey: true }), classes, where)).toBe("redo");
  expect(actOf(pressed("r", { ctrlKey: true }), classes, where)).toBeNull(); // the browser's reload
  expect(actOf(pressed("ArrowLeft", { shiftKey: true }), classes, where)).toEqual({ nudge: [-10, 0] });
  expect(actOf(pressed("ArrowLeft"), classes, { ...where, isOnCanvas: false })).toBeNull();
  expect(actOf(pressed("N", { shiftKey: true }), classes, where)).toEqual({ step: -1 });
});

test("each class has a colour of its own, also one that nobody knows", () => {
  const classes = ["a", "b", "c"];
  expect(new Set(["a", "b", "c", "new"].map((name) => colourOf(name, classes))).size).toBe(4);
});
