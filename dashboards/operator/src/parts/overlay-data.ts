/** Defects as shapes over their picture, in the picture's own pixels. */
import type { Detection } from "../api/client";

export interface Shape {
  readonly label: string;
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** SVG path data of every ring of the mask; empty where the model gives boxes only. */
  readonly path: string;
}

export function shapeOf(detection: Detection): Shape {
  const [left = 0, top = 0, right = 0, bottom = 0] = detection.bbox;
  return {
    label: detection.class_name,
    box: { x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) },
    path: detection.mask_polygon.filter((ring) => ring.length > 2).map(ringPath).join(""),
  };
}

function ringPath(ring: readonly (readonly [number, number] | readonly number[])[]): string {
  return `M${ring.map(([x, y]) => `${x} ${y}`).join("L")}Z`;
}
