/** Which part of a picture is seen: a scale and a shift in pixels of the screen. Pure, so that it can be tested. */
export interface View {
  /** 1 shows the whole picture. */
  readonly zoom: number;
  /** Shift of the picture's corner from the frame's, in pixels of the screen. */
  readonly x: number;
  readonly y: number;
}

export const WHOLE: View = { zoom: 1, x: 0, y: 0 };
export const MOST_ZOOM = 40;

/** Zoomed by a factor, with what lies under (x, y) of the frame staying there. */
export function zoomAt(view: View, factor: number, x: number, y: number, width: number, height: number): View {
  const zoom = Math.min(MOST_ZOOM, Math.max(1, view.zoom * factor));
  const ratio = zoom / view.zoom;
  return clamp({ zoom, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio }, width, height);
}

export function moveBy(view: View, dx: number, dy: number, width: number, height: number): View {
  return clamp({ ...view, x: view.x + dx, y: view.y + dy }, width, height);
}

/** The picture always fills its frame. */
function clamp(view: View, width: number, height: number): View {
  const least = (size: number) => size * (1 - view.zoom);
  return {
    zoom: view.zoom,
    x: Math.min(0, Math.max(least(width), view.x)) + 0,
    y: Math.min(0, Math.max(least(height), view.y)) + 0,
  };
}
