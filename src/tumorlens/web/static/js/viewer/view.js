// Where a picture lies on the screen. A view is {zoom, x, y}: zoom 1 fits the pane, and (x, y) is the share of the
// picture's width and height that lies in the pane's middle, so that pictures of different size can share a view.

export const newView = () => ({ zoom: 1, x: 0.5, y: 0.5 });

const CLOSEST = 40;
const FARTHEST = 0.5;

/** Geometry of a picture in a pane: `aspect` is the height of a pixel over its width. */
export function placement(view, pane, { rows, cols, aspect }) {
  const unit = Math.min(pane.width / cols, pane.height / (rows * aspect)) * view.zoom;
  const left = pane.left + pane.width / 2 - view.x * cols * unit;
  const top = pane.top + pane.height / 2 - view.y * rows * unit * aspect;
  return {
    unitX: unit,
    unitY: unit * aspect,
    left,
    top,
    width: cols * unit,
    height: rows * unit * aspect,
    toImage: (x, y) => ({ x: (x - left) / unit, y: (y - top) / (unit * aspect) }),
    toScreen: (x, y) => ({ x: left + x * unit, y: top + y * unit * aspect }),
  };
}

export function pan(view, place, dx, dy) {
  view.x = clamp(view.x - dx / place.width, 0, 1);
  view.y = clamp(view.y - dy / place.height, 0, 1);
}

/** Zoom by a factor so that the point (x, y) of the screen stays where it is. */
export function zoomAt(view, pane, picture, factor, x, y) {
  const before = placement(view, pane, picture).toImage(x, y);
  view.zoom = clamp(view.zoom * factor, FARTHEST, CLOSEST);
  const place = placement(view, pane, picture);
  const after = place.toScreen(before.x, before.y);
  pan(view, place, x - after.x, y - after.y);
}

export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/** A round length that takes about a quarter of the width, for the scale bar: 1, 2 or 5 times a power of ten. */
export function roundLength(target) {
  const power = 10 ** Math.floor(Math.log10(target));
  const lead = target / power;
  return (lead >= 5 ? 5 : lead >= 2 ? 2 : 1) * power;
}
