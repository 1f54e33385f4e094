/** Which part of the picture is seen: pixels of the screen per pixel of the picture, and where its corner lies. */
import type { Point } from "./model";

export interface View {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

/** One pixel of the picture as large as a finger. */
export const MOST_SCALE = 64;
const MARGIN_PX = 24;

/** The whole picture in the middle of the frame. */
export function fitted(width: number, height: number, frameWidth: number, frameHeight: number): View {
  const room = (frame: number) => Math.max(1, frame - 2 * MARGIN_PX);
  const scale = Math.min(room(frameWidth) / width, room(frameHeight) / height, MOST_SCALE);
  return { scale, x: (frameWidth - width * scale) / 2, y: (frameHeight - height * scale) / 2 };
}

export function toScreen(view: View, [x, y]: Point): Point {
  return [view.x + x * view.scale, view.y + y * view.scale];
}

export function toPicture(view: View, [x, y]: Point): Point {
  return [(x - view.x) / view.scale, (y - view.y) / view.scale];
}

/** Zoomed by a factor, with what lies under `at` staying there; never smaller than half of `least`. */
export function zoomed(view: View, factor: number, at: Point, least: number): View {
  const scale = Math.min(MOST_SCALE, Math.max(least / 2, view.scale * factor));
  const ratio = scale / view.scale;
  return { scale, x: at[0] - (at[0] - view.x) * ratio, y: at[1] - (at[1] - view.y) * ratio };
}

export function panned(view: View, dx: number, dy: number): View {
  return { ...view, x: view.x + dx, y: view.y + dy };
}
