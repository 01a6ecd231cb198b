// Outlines as paths: rings on pixel corners, holes by the even-odd rule.

const kept = new WeakMap();

export function pathOf(rings) {
  let path = kept.get(rings);
  if (path) return path;
  path = new Path2D();
  for (const ring of rings) {
    ring.forEach(([x, y], index) => (index ? path.lineTo(x, y) : path.moveTo(x, y)));
    path.closePath();
  }
  kept.set(rings, path);
  return path;
}

const boxes = new WeakMap();

/** Return [x0, y0, x1, y1]. */
export function boxOf(rings) {
  let box = boxes.get(rings);
  if (box) return box;
  box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of rings) {
    for (const [x, y] of ring) {
      if (x < box[0]) box[0] = x;
      if (y < box[1]) box[1] = y;
      if (x > box[2]) box[2] = x;
      if (y > box[3]) box[3] = y;
    }
  }
  boxes.set(rings, box);
  return box;
}

/** Whether a place is inside, by the even-odd rule. */
export function isInside(rings, x, y) {
  const [x0, y0, x1, y1] = boxOf(rings);
  if (x < x0 || y < y0 || x > x1 || y > y1) return false;
  let inside = false;
  for (const ring of rings) {
    let [ax, ay] = ring[ring.length - 1];
    for (const [bx, by] of ring) {
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
      [ax, ay] = [bx, by];
    }
  }
  return inside;
}
