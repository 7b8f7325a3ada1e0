/** How a picture is looked at: how large, and which part of it. `x`, `y`: how far it was moved from the middle, in points. */

export interface Zoom {
  scale: number;
  x: number;
  y: number;
}

export interface Point {
  x: number;
  y: number;
}

export const WHOLE: Zoom = { scale: 1, x: 0, y: 0 };

const LARGEST = 8;
export const STEP = 1.5;

/** As large as `factor` says, while what is at a point (from the middle) stays there. `box`: the picture at its first size. */
export function zoomed({ scale, x, y }: Zoom, factor: number, at: Point, box: Point, room: Point): Zoom {
  const next = Math.min(LARGEST, Math.max(1, scale * factor));
  const by = next / scale;
  return within({ scale: next, x: at.x - (at.x - x) * by, y: at.y - (at.y - y) * by }, box, room);
}

export const moved = (zoom: Zoom, by: Point, box: Point, room: Point): Zoom =>
  within({ ...zoom, x: zoom.x + by.x, y: zoom.y + by.y }, box, room);

/** No further than its edges: a picture is never lost out of sight. */
function within({ scale, x, y }: Zoom, box: Point, room: Point): Zoom {
  const most = (size: number, space: number): number => Math.max(0, (size * scale - space) / 2);
  const held = (value: number, limit: number): number => Math.min(limit, Math.max(-limit, value)) || 0;
  return { scale, x: held(x, most(box.x, room.x)), y: held(y, most(box.y, room.y)) };
}
