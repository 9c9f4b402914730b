// Masks: run lengths, the outline, and the picture.

export const GREEN = [46, 255, 140];
export const WHITE = [255, 255, 255];

/** Bytes (0 or 1 per pixel) of a run-length document {shape, counts}. */
export function fromRunLengths({ shape, counts }) {
  const mask = new Uint8Array(shape[0] * shape[1]);
  let at = 0;
  counts.forEach((count, index) => {
    if (index % 2) mask.fill(1, at, at + count);
    at += count;
  });
  return mask;
}

/** Half-open box {row0, col0, row1, col1} around the mask's pixels, and their count; null where there are none. */
export function boundsOf(mask, cols) {
  const first = mask.indexOf(1);
  if (first < 0) return null;
  const box = {
    row0: Math.floor(first / cols),
    row1: Math.floor(mask.lastIndexOf(1) / cols) + 1,
    col0: cols,
    col1: 0,
    count: 0,
  };
  for (let row = box.row0; row < box.row1; row += 1) {
    const line = mask.subarray(row * cols, (row + 1) * cols);
    const from = line.indexOf(1);
    if (from < 0) continue;
    const to = line.lastIndexOf(1) + 1;
    box.col0 = Math.min(box.col0, from);
    box.col1 = Math.max(box.col1, to);
    for (let col = from; col < to; col += 1) box.count += line[col];
  }
  return box;
}

/**
 * The outline at the 0.5 level (marching squares between pixel centers), as a path in pixel units. Corners are cut
 * at 45 degrees, which looks like the curve it samples; nothing is measured on it.
 */
export function outlineOf(mask, rows, cols, box) {
  const path = new Path2D();
  if (!box) return path;
  const at = (row, col) => (row < 0 || col < 0 || row >= rows || col >= cols ? 0 : mask[row * cols + col]);
  for (let row = box.row0 - 1; row < box.row1; row += 1) {
    for (let col = box.col0 - 1; col < box.col1; col += 1) {
      const [a, b, c, d] = [at(row, col), at(row, col + 1), at(row + 1, col + 1), at(row + 1, col)];
      const kind = a | (b << 1) | (c << 2) | (d << 3);
      if (kind === 0 || kind === 15) continue;
      for (const [from, to] of SEGMENTS[kind]) {
        path.moveTo(col + 0.5 + MIDDLES[from][0], row + 0.5 + MIDDLES[from][1]);
        path.lineTo(col + 0.5 + MIDDLES[to][0], row + 0.5 + MIDDLES[to][1]);
      }
    }
  }
  return path;
}

// Middles of a cell's top, right, bottom and left side, and the sides that the outline joins for each corner pattern.
const MIDDLES = [
  [0.5, 0],
  [1, 0.5],
  [0.5, 1],
  [0, 0.5],
];
const SEGMENTS = [
  [],
  [[3, 0]],
  [[0, 1]],
  [[3, 1]],
  [[1, 2]],
  [
    [3, 0],
    [1, 2],
  ],
  [[0, 2]],
  [[3, 2]],
  [[2, 3]],
  [[2, 0]],
  [
    [0, 1],
    [2, 3],
  ],
  [[2, 1]],
  [[1, 3]],
  [[1, 0]],
  [[0, 3]],
  [],
];

/** Draw the mask's box into a canvas of the scan's size, in one color on nothing. */
export function paintMask(canvas, mask, rows, cols, box, [red, green, blue]) {
  // Setting the size also clears the canvas.
  canvas.width = cols;
  canvas.height = rows;
  if (!box) return;
  const [height, width] = [box.row1 - box.row0, box.col1 - box.col0];
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  const inside = 0xff000000 | (blue << 16) | (green << 8) | red;
  for (let row = 0; row < height; row += 1) {
    const from = (box.row0 + row) * cols + box.col0;
    for (let col = 0; col < width; col += 1) if (mask[from + col]) words[row * width + col] = inside;
  }
  canvas.getContext("2d").putImageData(image, box.col0, box.row0);
}

export const OUTLINE_COLOR = `rgb(${GREEN.join(" ")})`;
