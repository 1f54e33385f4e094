/** Draws picture and marks on a canvas. */
import { HANDLES, handleAt, regionOf } from "./model";
import type { Point, Region } from "./model";
import { shownMarks } from "./tools";
import type { Editor } from "./tools";
import { toScreen } from "./viewport";

export interface Paint {
  readonly picture: CanvasImageSource | null;
  readonly colourOf: (className: string) => string;
  readonly isFilled: boolean;
}

const HALO = "rgb(0 0 0 / 70%)";
const CHOSEN = "#ffd23d";

/** @param ratio Pixels of the device per pixel of the screen. */
export function draw(context: CanvasRenderingContext2D, editor: Editor, paint: Paint, ratio: number): void {
  const { canvas } = context;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const { view } = editor;
  const marks = shownMarks(editor);
  if (paint.picture !== null) {
    context.imageSmoothingEnabled = view.scale < 2; // pixels are to be seen as pixels
    context.drawImage(paint.picture, view.x, view.y, marks.width * view.scale, marks.height * view.scale);
  }
  for (const region of marks.regions) drawRegion(context, editor, region, paint);
  const chosen = regionOf(marks, editor.selected);
  if (chosen !== null) drawHandles(context, editor, chosen);
  drawDraft(context, editor, paint);
}

function drawRegion(context: CanvasRenderingContext2D, editor: Editor, region: Region, paint: Paint): void {
  const isChosen = region.id === editor.selected;
  const colour = paint.colourOf(region.className);
  const path = pathOf(editor, region);
  if (paint.isFilled) {
    context.globalAlpha = isChosen ? 0.18 : 0.3;
    context.fillStyle = colour;
    context.fill(path);
    context.globalAlpha = 1;
  }
  context.setLineDash([]);
  stroke(context, path, HALO, isChosen ? 5 : 4);
  stroke(context, path, isChosen ? CHOSEN : colour, isChosen ? 2.5 : 2);
  drawName(context, editor, region, colour, isChosen);
}

/** Above the region, and inside the frame. */
function drawName(context: CanvasRenderingContext2D, editor: Editor, region: Region, colour: string, isChosen: boolean): void {
  const [x, y] = toScreen(editor.view, [region.box[0], region.box[1]]);
  context.font = "600 13px system-ui, sans-serif";
  const width = context.measureText(region.className).width + 12;
  const top = Math.max(2, y - 24);
  const left = Math.max(2, x);
  context.fillStyle = isChosen ? CHOSEN : colour;
  context.fillRect(left, top, width, 20);
  context.fillStyle = "#0a0e13";
  context.fillText(region.className, left + 6, top + 14.5);
}

function pathOf(editor: Editor, region: Region): Path2D {
  const path = new Path2D();
  if (region.rings.length === 0) {
    const [left, top] = toScreen(editor.view, [region.box[0], region.box[1]]);
    const [right, bottom] = toScreen(editor.view, [region.box[2], region.box[3]]);
    path.rect(left, top, right - left, bottom - top);
  }
  for (const ring of region.rings) addRing(path, ring.map((point) => toScreen(editor.view, point)), true);
  return path;
}

function addRing(path: Path2D, ring: readonly Point[], isClosed: boolean): void {
  ring.forEach(([x, y], index) => (index === 0 ? path.moveTo(x, y) : path.lineTo(x, y)));
  if (isClosed) path.closePath();
}

function drawHandles(context: CanvasRenderingContext2D, editor: Editor, region: Region): void {
  const square = (at: Point, half: number, fill: string) => {
    const [x, y] = toScreen(editor.view, at);
    context.fillStyle = fill;
    context.strokeStyle = "#0a0e13";
    context.lineWidth = 1.5;
    context.fillRect(x - half, y - half, 2 * half, 2 * half);
    context.strokeRect(x - half, y - half, 2 * half, 2 * half);
  };
  if (region.rings.length === 0) HANDLES.forEach((handle) => square(handleAt(region.box, handle), 5, CHOSEN));
  region.rings.forEach((ring, number) => {
    const half = ring.length > 12 && editor.view.scale < 3 ? 2 : 3.5; // many corners must not hide what they enclose
    ring.forEach((point, index) => {
      const isChosen = editor.corner?.ring === number && editor.corner.index === index;
      square(point, isChosen ? 5.5 : half, isChosen ? "#ffffff" : CHOSEN);
    });
  });
}

function drawDraft(context: CanvasRenderingContext2D, editor: Editor, paint: Paint): void {
  const path = new Path2D();
  if (editor.draft.length > 0) {
    const corners = editor.pointer === null ? editor.draft : [...editor.draft, editor.pointer];
    addRing(path, corners.map((point) => toScreen(editor.view, point)), false);
    const [x, y] = toScreen(editor.view, editor.draft[0] as Point);
    path.moveTo(x + 6, y);
    path.arc(x, y, 6, 0, 2 * Math.PI);
  }
  if (editor.rubber !== null) {
    const [left, top] = toScreen(editor.view, [editor.rubber[0], editor.rubber[1]]);
    const [right, bottom] = toScreen(editor.view, [editor.rubber[2], editor.rubber[3]]);
    path.rect(left, top, right - left, bottom - top);
  }
  context.setLineDash([6, 4]);
  stroke(context, path, HALO, 4);
  stroke(context, path, paint.colourOf(editor.className), 2);
  context.setLineDash([]);
}

function stroke(context: CanvasRenderingContext2D, path: Path2D, colour: string, width: number): void {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke(path);
}
