// The mask under correction: brush and eraser strokes, undo and redo.

const UNDO_BYTES = 64e6;
const UNDO_STEPS = 60;

export class MaskEditor {
  constructor(mask, rows, cols, aspect) {
    this.mask = mask;
    this.rows = rows;
    this.cols = cols;
    this.aspect = aspect;
    this.past = [];
    this.future = [];
    this.steps = Math.max(5, Math.min(UNDO_STEPS, Math.floor(UNDO_BYTES / mask.length)));
  }

  begin(x, y, radius, value) {
    this.stroke = { x, y, radius, value, before: this.mask.slice(), changed: false };
    this.#stamp(x, y);
  }

  extend(x, y) {
    const { x: x0, y: y0, radius } = this.stroke;
    const length = Math.hypot(x - x0, (y - y0) * this.aspect);
    const steps = Math.max(1, Math.ceil(length / Math.max(0.5, radius / 3)));
    for (let step = 1; step <= steps; step += 1) {
      this.#stamp(x0 + ((x - x0) * step) / steps, y0 + ((y - y0) * step) / steps);
    }
    this.stroke.x = x;
    this.stroke.y = y;
  }

  /** End the stroke; whether it changed anything. */
  end() {
    const { before, changed } = this.stroke;
    this.stroke = null;
    if (!changed) return false;
    this.past.push(before);
    if (this.past.length > this.steps) this.past.shift();
    this.future = [];
    return true;
  }

  undo() {
    return this.#swap(this.past, this.future);
  }

  redo() {
    return this.#swap(this.future, this.past);
  }

  #swap(from, to) {
    if (!from.length) return false;
    to.push(this.mask.slice());
    this.mask.set(from.pop());
    return true;
  }

  /** A disc on the screen: an ellipse in pixels where these are not square. The pixel under the point always counts. */
  #stamp(x, y) {
    const { radius, value } = this.stroke;
    const reach = radius / this.aspect;
    for (let row = Math.max(0, Math.floor(y - reach)); row <= Math.min(this.rows - 1, y + reach); row += 1) {
      for (let col = Math.max(0, Math.floor(x - radius)); col <= Math.min(this.cols - 1, x + radius); col += 1) {
        if (Math.hypot(col + 0.5 - x, (row + 0.5 - y) * this.aspect) <= radius) this.#set(row, col, value);
      }
    }
    const [row, col] = [Math.floor(y), Math.floor(x)];
    if (row >= 0 && col >= 0 && row < this.rows && col < this.cols) this.#set(row, col, value);
  }

  #set(row, col, value) {
    const at = row * this.cols + col;
    if (this.mask[at] === value) return;
    this.mask[at] = value;
    this.stroke.changed = true;
  }
}
