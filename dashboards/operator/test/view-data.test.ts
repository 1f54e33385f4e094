import { expect, test } from "vitest";
import type { Detection } from "../src/api/client";
import { toMessage, parseMessage } from "../src/live/message-data";
import { shapeOf } from "../src/parts/overlay-data";
import { WHOLE, moveBy, zoomAt } from "../src/parts/viewport-data";
import { curlOf, stagesOf } from "../src/parts/timings-data";
import { ALL, exportQueryOf, queryOf } from "../src/pages/history/filter-data";
import { MOST_HEIGHT_PX, kept, pagesOf, windowOf } from "../src/pages/history/window-data";
import { changed, newJob, pictures, startable } from "../src/pages/inspect/job-data";
import { NO_CURVES, USUAL, actionsOf, settingsOf, withPoint } from "../src/pages/models/model-data";
import type { Training, Version } from "../src/pages/models/model-data";
import { formatRoute, parseRoute } from "../src/app/route-data";

test("a defect becomes a box and closed rings in the picture's pixels", () => {
  const ring = [[1, 2], [5, 2], [5, 6]];
  const shape = shapeOf({ class_name: "dent", bbox: [1, 2, 5, 6], mask_polygon: [ring, [[0, 0], [1, 1]]] } as unknown as Detection);
  expect(shape).toEqual({ label: "dent", box: { x: 1, y: 2, width: 4, height: 4 }, path: "M1 2L5 2L5 6Z" });
});

test("zooming keeps what lies under the pointer, and the picture fills its frame", () => {
  const view = zoomAt(WHOLE, 2, 100, 50, 400, 300);
  expect(view).toEqual({ zoom: 2, x: -100, y: -50 });
  expect(zoomAt(view, 0.01, 0, 0, 400, 300)).toEqual(WHOLE);
  expect(moveBy(view, 999, -999, 400, 300)).toEqual({ zoom: 2, x: 0, y: -300 });
  expect(zoomAt(WHOLE, 1e6, 0, 0, 400, 300).zoom).toBe(40);
});

test("messages are told apart, and what is none is dropped", () => {
  expect(toMessage({ type: "job", seq: 3, data: {} })).toEqual({ type: "other", seq: 3, about: "job" });
  expect(parseMessage('{"type":"inspection","seq":1,"data":{"id":"x"}}')).toMatchObject({ type: "inspection", seq: 1 });
  for (const text of ["", "[]", '{"type":"inspection","seq":1,"data":null}', '{"seq":1}']) expect(parseMessage(text)).toBeNull();
});

test("a million rows are reached from the first to the last within a browser's height", () => {
  const [total, row, view] = [1_000_000, 56, 600];
  const top = windowOf(total, row, 0, view);
  expect([top.first, top.topPx, top.heightPx]).toEqual([0, 0, MOST_HEIGHT_PX]);
  const bottom = windowOf(total, row, MOST_HEIGHT_PX - view, view);
  expect(bottom.end).toBe(total);
  expect(bottom.topPx + (total - bottom.first) * row).toBeCloseTo(MOST_HEIGHT_PX, 3);
  expect(bottom.end - bottom.first).toBeLessThan(15);
  expect(windowOf(0, row, 0, view)).toEqual({ first: 0, end: 0, topPx: 0, heightPx: 0 });
  expect(windowOf(3, row, 0, view)).toMatchObject({ first: 0, end: 3 });
});

test("only pages near the screen stay", () => {
  expect([pagesOf(0, 0), pagesOf(49, 51), pagesOf(100, 150)]).toEqual([[], [0, 1], [2]]);
  const all = new Map(Array.from({ length: 30 }, (_, page) => [page, page] as const));
  expect([...kept(all, 20).keys()].every((page) => Math.abs(page - 20) <= 4)).toBe(true);
});

test("stages are ordered, and the call can be pasted into a shell", () => {
  expect(stagesOf({ decode: 1, network: 3, total: 4 })).toEqual([
    { name: "network", ms: 3, share: 0.75 },
    { name: "decode", ms: 1, share: 0.25 },
  ]);
  expect(curlOf("http://h", "s", "it's", "a b.png")).toContain(`-F 'part_id=it'\\''s'`);
  expect(curlOf("http://h", "s", null, null)).toContain("'http://h/api/v1/inspect/camera?station_id=s'");
});

test("few pictures are sent at once, and no file that is none", () => {
  let jobs = ["a", "b", "c"].map((key) => newJob(key, key, null));
  expect(startable(jobs, 2).map((job) => job.key)).toEqual(["a", "b"]);
  jobs = [...changed(jobs, "a", { state: "sending" })];
  expect(startable(jobs, 2).map((job) => job.key)).toEqual(["b"]);
  const files = [{ name: "x.TIF", type: "" }, { name: "n.txt", type: "text/plain" }, { name: "y", type: "image/png" }];
  expect(pictures(files).map((file) => file.name)).toEqual(["x.TIF", "y"]);
});

test("a version in use can be left alone only, the previous one gone back to", () => {
  const version = { active: false, status: "archived", gate: null, run_id: "r" } as unknown as Version;
  expect(actionsOf(version)).toEqual({ deploy: true, rollback: false, gate: true, override: false });
  expect(actionsOf({ ...version, status: "previous" })).toMatchObject({ deploy: false, rollback: true, gate: false });
  expect(actionsOf({ ...version, active: true })).toMatchObject({ deploy: false, rollback: false, gate: false });
});

test("plain words become figures, and the curve has one point per round of one run", () => {
  const usual = { epochs: 20, learning_rate: 0.001, batch_size: 8, recipe: "auto", model_name: "v2" };
  expect(settingsOf({ ...USUAL, name: " v2 " })).toEqual(usual);
  expect(settingsOf({ ...USUAL, network: "boxes" }).recipe).toBe("few-pictures");
  const look = (job_id: string, epoch: number, mAP: number) => ({ job_id, epoch, metrics: { mAP, loss: 3 } }) as unknown as Training;
  let curves = withPoint(withPoint(withPoint(NO_CURVES, look("a", 1, 0.2)), look("a", 1, 0.3)), look("a", 2, 0.5));
  expect([...curves.series]).toEqual([["mAP", [[1, 0.3], [2, 0.5]]]]);
  curves = withPoint(curves, look("b", 1, 0.1));
  expect([...curves.series]).toEqual([["mAP", [[1, 0.1]]]]);
});

test("addresses come back as they were made, also odd ones", () => {
  expect(formatRoute("history", ["a/b"], { decision: "fail", station: "" })).toBe("/history/a%2Fb?decision=fail");
  expect(parseRoute("/history/a%2Fb", "?decision=fail", "live")).toEqual({ page: "history", rest: ["a/b"], query: { decision: "fail" } });
  expect(parseRoute("/", "", "live").page).toBe("live");
  expect(parseRoute("/%E0%A4%A", "", "live").page).toBe("%E0%A4%A");
});

test("the verdict that holds and the model's own are two filters, in the list and in a file", () => {
  const filter = { ...ALL, verdict: "fail", decision: "pass", part: "D-" } as const;
  expect(queryOf(filter)).toEqual({ effective_decision: "fail", decision: "pass", part: "D-" });
  expect(exportQueryOf(filter, "csv").toString()).toBe("format=csv&effective_decision=fail&decision=pass&part=D-");
});
