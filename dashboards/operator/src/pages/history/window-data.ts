/**
 * A list of a million rows of which only those on the screen exist. Rows have one height; they are fetched in pages of
 * `PAGE_SIZE`, and pages far from the screen are forgotten.
 */
export const PAGE_SIZE = 50;
export const MOST_PAGES = 8;
/** Browsers stop at about 16 million pixels; beyond this the scroll bar stands for more than one pixel each. */
export const MOST_HEIGHT_PX = 8_000_000;

export interface Window {
  /** First row to draw. */
  readonly first: number;
  /** One beyond the last row to draw. */
  readonly end: number;
  /** Where the first row is drawn, from the top of the scrolled content. */
  readonly topPx: number;
  /** Height of the scrolled content. */
  readonly heightPx: number;
}

export function windowOf(total: number, rowPx: number, scrollPx: number, viewPx: number): Window {
  const heightPx = Math.min(total * rowPx, MOST_HEIGHT_PX);
  const visible = Math.ceil(viewPx / rowPx) + 1;
  const travel = Math.max(1, heightPx - viewPx);
  const share = Math.min(1, Math.max(0, scrollPx / travel));
  const offsetPx = share * Math.max(0, total * rowPx - viewPx); // into the list as it would be without the limit
  const first = Math.max(0, Math.min(Math.floor(offsetPx / rowPx), total - visible + 1));
  const end = Math.min(total, first + visible);
  return { first, end, topPx: Math.max(0, scrollPx - (offsetPx - first * rowPx)), heightPx };
}

/** Numbers of the pages that hold these rows. */
export function pagesOf(first: number, end: number): readonly number[] {
  if (end <= first) return [];
  const from = Math.floor(first / PAGE_SIZE);
  const to = Math.floor((end - 1) / PAGE_SIZE);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** The pages without those farthest from `near`, so that at most `MOST_PAGES` stay. */
export function kept<T>(pages: ReadonlyMap<number, T>, near: number): Map<number, T> {
  const closest = [...pages].sort(([a], [b]) => Math.abs(a - near) - Math.abs(b - near));
  return new Map(closest.slice(0, MOST_PAGES));
}
