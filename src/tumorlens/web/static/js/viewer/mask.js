// Masks: run lengths, the outline, and the picture.

const GREEN = [46, 255, 140];

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

export function countOf(mask) {
  let count = 0;
  for (const one of mask) count += one;
  return count;
}

/**
 * The outline at the 0.5 level (marching squares between pixel centers), as a path in pixel units. Corners are cut
 * at 45 degrees, which looks like the curve it samples; nothing is measured on it.
 */
export function outlineOf(mask, rows, cols) {
  const path = new Path2D();
  const at = (row, col) => (row < 0 || col < 0 || row >= rows || col >= cols ? 0 : mask[row * cols + col]);
  for (let row = -1; row < rows; row += 1) {
    for (let col = -1; col < cols; col += 1) {
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
const MIDDLES = [[0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]];
const SEGMENTS = [
  [], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], [[3, 0], [1, 2]], [[0, 2]], [[3, 2]],
  [[2, 3]], [[2, 0]], [[0, 1], [2, 3]], [[2, 1]], [[1, 3]], [[1, 0]], [[0, 3]], [],
];

/** Draw a mask into a canvas of its size: translucent green to lie over the scan, or white on black. */
export function paintMask(canvas, mask, rows, cols, black) {
  if (canvas.width !== cols || canvas.height !== rows) {
    canvas.width = cols;
    canvas.height = rows;
  }
  const image = new ImageData(cols, rows);
  const words = new Uint32Array(image.data.buffer);
  const inside = black ? 0xffffffff : 0xff000000 | (GREEN[2] << 16) | (GREEN[1] << 8) | GREEN[0];
  const outside = black ? 0xff000000 : 0;
  for (let at = 0; at < mask.length; at += 1) words[at] = mask[at] ? inside : outside;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

export const OUTLINE_COLOR = `rgb(${GREEN.join(" ")})`;
