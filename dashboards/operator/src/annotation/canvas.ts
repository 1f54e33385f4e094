/**
 * The annotation canvas: an element's pointer and wheel on one side, typed events on the other. It knows no framework and
 * no network: whoever uses it gives a picture and marks, and hears `change` (marks), `state` (tool, choice, class) and
 * `prompt` (what the segmenter is to be asked).
 */
import { draw } from "./draw";
import type { Paint } from "./draw";
import type { Marks, Point } from "./model";
import { dragged, newEditor, polygonClosed, pressed, released, withStep } from "./tools";
import type { Editor, Prompt } from "./tools";
import { fitted, panned, zoomed } from "./viewport";

export interface CanvasEvents {
  change: Marks;
  state: Editor;
  prompt: Prompt;
}

const REACH_MOUSE_PX = 8;
const REACH_TOUCH_PX = 20;
const NOTHING: Marks = { width: 1, height: 1, regions: [] };

export class AnnotationCanvas {
  editor: Editor = newEditor(NOTHING, { scale: 1, x: 0, y: 0 }, "");
  private paint: Paint = { picture: null, colourOf: () => "#ff4d57", isFilled: true };
  private frame = 0;
  private isFitted = true;
  private isSpaceDown = false;
  private readonly fingers = new Map<number, Point>();
  private readonly target = new EventTarget();
  private readonly sizes = new ResizeObserver(() => this.resize());
  private readonly ended = new AbortController();

  constructor(private readonly element: HTMLCanvasElement) {
    const { signal } = this.ended;
    element.addEventListener("pointerdown", (event) => this.down(event), { signal });
    element.addEventListener("pointermove", (event) => this.move(event), { signal });
    for (const name of ["pointerup", "pointercancel"] as const) element.addEventListener(name, (event) => this.up(event), { signal });
    element.addEventListener("pointerleave", () => this.fingers.size === 0 && this.set({ ...this.editor, pointer: null }), { signal });
    element.addEventListener("dblclick", () => this.editor.draft.length > 0 && this.act(polygonClosed), { signal });
    element.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
    element.addEventListener("wheel", (event) => this.wheel(event), { signal, passive: false });
    addEventListener("keydown", (event) => event.code === "Space" && (this.isSpaceDown = true), { signal });
    addEventListener("keyup", (event) => event.code === "Space" && (this.isSpaceDown = false), { signal });
    this.sizes.observe(element);
  }

  dispose(): void {
    this.ended.abort();
    this.sizes.disconnect();
    cancelAnimationFrame(this.frame);
  }

  on<Name extends keyof CanvasEvents>(name: Name, listener: (value: CanvasEvents[Name]) => void): void {
    this.target.addEventListener(name, (event) => listener((event as CustomEvent<CanvasEvents[Name]>).detail));
  }

  /** Another picture with its marks; whatever was done to the last one is forgotten here. */
  open(marks: Marks, className: string, picture: CanvasImageSource | null): void {
    this.paint = { ...this.paint, picture };
    this.editor = { ...newEditor(marks, this.whole(marks), className), tool: this.editor.tool };
    this.isFitted = true;
    this.tell("state", this.editor);
    this.redraw();
  }

  /** The picture, once it has come. */
  show(picture: CanvasImageSource | null): void {
    this.paint = { ...this.paint, picture };
    this.redraw();
  }

  look(colourOf: (className: string) => string, isFilled: boolean): void {
    this.paint = { ...this.paint, colourOf, isFilled };
    this.redraw();
  }

  /** One act of the editor, from a key or a button. */
  act(change: (editor: Editor) => Editor): void {
    this.set(change(this.editor));
  }

  /** Marks that come from elsewhere, as one step. */
  put(marks: Marks): void {
    this.set(withStep(this.editor, marks));
  }

  fit(): void {
    this.isFitted = true;
    this.set({ ...this.editor, view: this.whole(this.editor.history.present) });
  }

  zoom(factor: number): void {
    this.zoomAt(factor, [this.element.clientWidth / 2, this.element.clientHeight / 2]);
  }

  private zoomAt(factor: number, at: Point): void {
    this.isFitted = false;
    const least = this.whole(this.editor.history.present).scale;
    this.set({ ...this.editor, view: zoomed(this.editor.view, factor, at, least) });
  }

  private whole(marks: Marks) {
    return fitted(marks.width, marks.height, this.element.clientWidth, this.element.clientHeight);
  }

  private set(editor: Editor): void {
    const before = this.editor;
    this.editor = editor;
    if (editor.history.present !== before.history.present) this.tell("change", editor.history.present);
    const isTold = (["tool", "selected", "className", "history", "draft"] as const).some((key) => editor[key] !== before[key]);
    if (isTold) this.tell("state", editor);
    this.redraw();
  }

  private tell<Name extends keyof CanvasEvents>(name: Name, detail: CanvasEvents[Name]): void {
    this.target.dispatchEvent(new CustomEvent(name, { detail }));
  }

  private at(event: MouseEvent): Point {
    const frame = this.element.getBoundingClientRect();
    return [event.clientX - frame.x, event.clientY - frame.y];
  }

  private down(event: PointerEvent): void {
    this.element.setPointerCapture(event.pointerId);
    this.element.focus({ preventScroll: true });
    event.preventDefault(); // no text is chosen, no page is moved
    this.fingers.set(event.pointerId, this.at(event));
    if (this.fingers.size > 1) {
      this.set({ ...this.editor, drag: null, live: null, rubber: null }); // a second finger: it was a pinch
      return;
    }
    if (event.button === 2 && this.editor.draft.length > 0) {
      this.act(polygonClosed);
      return;
    }
    const pan = event.button === 1 || this.isSpaceDown;
    const reach = event.pointerType === "touch" ? REACH_TOUCH_PX : REACH_MOUSE_PX;
    this.set(pressed(this.editor, { at: this.at(event), reach, pan, cut: event.altKey || event.button === 2 }));
  }

  private move(event: PointerEvent): void {
    const at = this.at(event);
    const before = this.fingers.get(event.pointerId);
    if (this.fingers.size > 1 && before !== undefined) {
      this.pinch(event.pointerId, before, at);
      return;
    }
    if (this.editor.drag?.kind === "pan") this.isFitted = false;
    this.set(dragged(this.editor, at));
  }

  private pinch(id: number, before: Point, at: Point): void {
    const other = [...this.fingers].find(([key]) => key !== id)?.[1] as Point;
    const apart = (a: Point) => Math.max(1, Math.hypot(a[0] - other[0], a[1] - other[1]));
    this.fingers.set(id, at);
    this.zoomAt(apart(at) / apart(before), other);
    this.set({ ...this.editor, view: panned(this.editor.view, (at[0] - before[0]) / 2, (at[1] - before[1]) / 2) });
  }

  private up(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    const [editor, prompt] = released(this.editor);
    this.set(editor);
    if (prompt !== null && event.type === "pointerup") this.tell("prompt", prompt);
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    this.zoomAt(Math.exp(-event.deltaY / 300), this.at(event));
  }

  private resize(): void {
    if (this.isFitted) this.editor = { ...this.editor, view: this.whole(this.editor.history.present) };
    this.redraw();
  }

  private redraw(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      const ratio = devicePixelRatio;
      const [width, height] = [Math.round(this.element.clientWidth * ratio), Math.round(this.element.clientHeight * ratio)];
      if (this.element.width !== width) this.element.width = width;
      if (this.element.height !== height) this.element.height = height;
      const context = this.element.getContext("2d");
      if (context !== null && width > 0 && height > 0) draw(context, this.editor, this.paint, ratio);
    });
  }
}
