/**
 * What is marked on a picture, as values: regions with a class, each a box or a polygon, in the picture's own pixels.
 * Every function gives a new value and changes nothing, so that a step can be undone by going back to the one before.
 */
export type Point = readonly [number, number];
export type Ring = readonly Point[];
/** Left, top, right, bottom. */
export type Box = readonly [number, number, number, number];

export interface Region {
  readonly id: number;
  readonly className: string;
  readonly box: Box;
  /** Outer rings; empty where only a box was drawn. */
  readonly rings: readonly Ring[];
}

export interface Marks {
  readonly width: number;
  readonly height: number;
  readonly regions: readonly Region[];
}

export interface Annotation {
  class_name: string;
  bbox: [number, number, number, number];
  polygon?: [number, number][][];
}

interface Suggestion {
  readonly class_name: string;
  readonly bbox: readonly number[];
  readonly polygon: readonly (readonly (readonly number[])[])[];
}

/** Corners are kept to half a pixel: finer than a hand on a mouse, and what is sent stays short. */
const STEP = 0.5;
const LEAST_PX = 1;

export function marksOf(width: number, height: number, suggestions: readonly Suggestion[]): Marks {
  const regions = suggestions.map((one, index) => {
    const rings = one.polygon
      .filter((ring) => ring.length >= 3)
      .map((ring) => ring.map(([x = 0, y = 0]): Point => [clamp(x, width), clamp(y, height)]));
    const [left = 0, top = 0, right = 0, bottom = 0] = one.bbox;
    const box: Box = [clamp(left, width), clamp(top, height), clamp(right, width), clamp(bottom, height)];
    return { id: index + 1, className: one.class_name, box: rings.length > 0 ? boxOf(rings) : box, rings };
  });
  return { width, height, regions: regions.filter((region) => isLargeEnough(region.box)) };
}

/** The marks as the API takes them. */
export function annotationsOf(marks: Marks): Annotation[] {
  return marks.regions.map((region) => ({
    class_name: region.className,
    bbox: [...region.box],
    ...(region.rings.length > 0 ? { polygon: region.rings.map((ring) => ring.map(([x, y]): [number, number] => [x, y])) } : {}),
  }));
}

export function regionOf(marks: Marks, id: number): Region | null {
  return marks.regions.find((region) => region.id === id) ?? null;
}

/** The marks with one more region, and its id; null where it would be too small to be anything. */
export function added(marks: Marks, className: string, box: Box, rings: readonly Ring[] = []): readonly [Marks, number] | null {
  const inside = rings.map((ring) => ring.map((point) => snapped(marks, point)));
  const whole = inside.length > 0 ? boxOf(inside) : boxInside(marks, box);
  if (!isLargeEnough(whole)) return null;
  const id = marks.regions.reduce((most, region) => Math.max(most, region.id), 0) + 1;
  return [{ ...marks, regions: [...marks.regions, { id, className, box: whole, rings: inside }] }, id];
}

export function removed(marks: Marks, id: number): Marks {
  return { ...marks, regions: marks.regions.filter((region) => region.id !== id) };
}

export function cleared(marks: Marks): Marks {
  return { ...marks, regions: [] };
}

export function withClass(marks: Marks, id: number, className: string): Marks {
  return changed(marks, id, (region) => ({ ...region, className }));
}

/** A region's shape replaced, its class kept. */
export function withRings(marks: Marks, id: number, rings: readonly Ring[]): Marks {
  const inside = rings.map((ring) => ring.map((point) => snapped(marks, point)));
  return changed(marks, id, (region) => ({ ...region, rings: inside, box: boxOf(inside) }));
}

/** A region moved as a whole; it stops at the picture's edge. */
export function moved(marks: Marks, id: number, dx: number, dy: number): Marks {
  return changed(marks, id, (region) => {
    const [left, top, right, bottom] = region.box;
    const x = Math.min(Math.max(round(dx), -left), marks.width - right);
    const y = Math.min(Math.max(round(dy), -top), marks.height - bottom);
    const rings = region.rings.map((ring) => ring.map(([px, py]): Point => [px + x, py + y]));
    return { ...region, rings, box: [left + x, top + y, right + x, bottom + y] };
  });
}

/** Sides of a box that a handle moves: -1 the left or top one, 1 the right or bottom one, 0 neither. */
export interface Handle {
  readonly x: -1 | 0 | 1;
  readonly y: -1 | 0 | 1;
}

export const HANDLES: readonly Handle[] = ([-1, 0, 1] as const).flatMap((y) =>
  ([-1, 0, 1] as const).filter((x) => x !== 0 || y !== 0).map((x) => ({ x, y })),
);

export function handleAt(box: Box, { x, y }: Handle): Point {
  const [left, top, right, bottom] = box;
  return [x < 0 ? left : x > 0 ? right : (left + right) / 2, y < 0 ? top : y > 0 ? bottom : (top + bottom) / 2];
}

/** A box with one of its handles at another place; pulled over the other side it turns around. */
export function resized(marks: Marks, id: number, handle: Handle, to: Point): Marks {
  return changed(marks, id, (region) => {
    const [left, top, right, bottom] = region.box;
    const [x, y] = snapped(marks, to);
    const box = boxInside(marks, [handle.x < 0 ? x : left, handle.y < 0 ? y : top, handle.x > 0 ? x : right, handle.y > 0 ? y : bottom]);
    return isLargeEnough(box) ? { ...region, box } : region;
  });
}

export interface Corner {
  readonly ring: number;
  readonly index: number;
}

export function cornerMoved(marks: Marks, id: number, corner: Corner, to: Point): Marks {
  return withRing(marks, id, corner.ring, (ring) => ring.map((point, index) => (index === corner.index ? snapped(marks, to) : point)));
}

/** A corner more, between `corner` and the next. */
export function cornerAdded(marks: Marks, id: number, corner: Corner, at: Point): Marks {
  return withRing(marks, id, corner.ring, (ring) => [...ring.slice(0, corner.index + 1), snapped(marks, at), ...ring.slice(corner.index + 1)]);
}

/** A corner less; a ring of three keeps them. */
export function cornerRemoved(marks: Marks, id: number, corner: Corner): Marks {
  return withRing(marks, id, corner.ring, (ring) => (ring.length > 3 ? ring.filter((_, index) => index !== corner.index) : ring));
}

/** The region below a point: the smallest, so that one inside another can be reached. */
export function regionAt(marks: Marks, [x, y]: Point, tolerance: number): Region | null {
  const hit = marks.regions.filter(({ box, rings }) => {
    const [left, top, right, bottom] = box;
    const isNear = x >= left - tolerance && x <= right + tolerance && y >= top - tolerance && y <= bottom + tolerance;
    if (!isNear || rings.length === 0) return isNear;
    return rings.some((ring) => isInside(ring, [x, y]) || nearestEdge(ring, [x, y]).distance <= tolerance);
  });
  return hit.sort((a, b) => areaOf(a.box) - areaOf(b.box))[0] ?? null;
}

export function cornerAt(region: Region, [x, y]: Point, tolerance: number): Corner | null {
  let found: Corner | null = null;
  let least = tolerance;
  region.rings.forEach((points, ring) =>
    points.forEach(([px, py], index) => {
      const distance = Math.hypot(px - x, py - y);
      if (distance <= least) [found, least] = [{ ring, index }, distance];
    }),
  );
  return found;
}

/** The corner after which an edge runs through the point. */
export function edgeAt(region: Region, point: Point, tolerance: number): Corner | null {
  for (const [ring, points] of region.rings.entries()) {
    const edge = nearestEdge(points, point);
    if (edge.distance <= tolerance) return { ring, index: edge.index };
  }
  return null;
}

/** Even-odd rule: a ray to the right crosses the ring an odd number of times. */
export function isInside(ring: Ring, [x, y]: Point): boolean {
  let inside = false;
  ring.forEach(([ax, ay], index) => {
    const [bx, by] = ring[(index + 1) % ring.length] as Point;
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  });
  return inside;
}

function nearestEdge(ring: Ring, [x, y]: Point): { index: number; distance: number } {
  let nearest = { index: 0, distance: Infinity };
  ring.forEach(([ax, ay], index) => {
    const [bx, by] = ring[(index + 1) % ring.length] as Point;
    const squared = (bx - ax) ** 2 + (by - ay) ** 2;
    const along = squared === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / squared));
    const distance = Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
    if (distance < nearest.distance) nearest = { index, distance };
  });
  return nearest;
}

export function boxOf(rings: readonly Ring[]): Box {
  const xs = rings.flatMap((ring) => ring.map(([x]) => x));
  const ys = rings.flatMap((ring) => ring.map(([, y]) => y));
  // Not Math.min(...xs): a mask may have more corners than a call may have arguments.
  const least = (values: number[]) => values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = (values: number[]) => values.reduce((a, b) => Math.max(a, b), -Infinity);
  return [least(xs), least(ys), most(xs), most(ys)];
}

function changed(marks: Marks, id: number, change: (region: Region) => Region): Marks {
  return { ...marks, regions: marks.regions.map((region) => (region.id === id ? change(region) : region)) };
}

function withRing(marks: Marks, id: number, which: number, change: (ring: Ring) => Ring): Marks {
  return changed(marks, id, (region) => {
    const rings = region.rings.map((ring, index) => (index === which ? change(ring) : ring));
    const box = boxOf(rings);
    return isLargeEnough(box) ? { ...region, rings, box } : region;
  });
}

function boxInside(marks: Marks, [ax, ay, bx, by]: Box): Box {
  const [left, top] = snapped(marks, [Math.min(ax, bx), Math.min(ay, by)]);
  const [right, bottom] = snapped(marks, [Math.max(ax, bx), Math.max(ay, by)]);
  return [left, top, right, bottom];
}

function snapped(marks: Marks, [x, y]: Point): Point {
  return [clamp(round(x), marks.width), clamp(round(y), marks.height)];
}

const round = (value: number): number => Math.round(value / STEP) * STEP;
const clamp = (value: number, most: number): number => Math.min(most, Math.max(0, value));
const areaOf = ([left, top, right, bottom]: Box): number => (right - left) * (bottom - top);
const isLargeEnough = ([left, top, right, bottom]: Box): boolean => right - left >= LEAST_PX && bottom - top >= LEAST_PX;
