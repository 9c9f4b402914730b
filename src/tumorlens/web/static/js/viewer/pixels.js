// The scan's values, and their grey levels under a window.

import { bytesOf } from "../api.js";

const LEVELS = 65536;
const TAIL = 0.001;

/** Values of a slice: {rows, cols, values (uint16), low, high (what 0 and 65535 stand for), window}. */
export async function loadPixels(url) {
  const response = await bytesOf(url);
  const head = (name) => Number(response.headers.get(name));
  const values = new Uint16Array(await response.arrayBuffer());
  const pixels = { rows: head("X-Rows"), cols: head("X-Cols"), values, low: head("X-Min"), high: head("X-Max") };
  return { ...pixels, window: automaticWindow(pixels) };
}

/** Center and width between the 0.1st and 99.9th percentile. */
function automaticWindow({ values, low, high }) {
  const counts = new Uint32Array(LEVELS);
  for (const value of values) counts[value] += 1;
  const tail = values.length * TAIL;
  const first = walk(counts, tail, 0, 1);
  const last = walk(counts, tail, LEVELS - 1, -1);
  const unit = (high - low) / (LEVELS - 1);
  const width = Math.max(last - first, 1) * unit;
  return { center: low + ((first + last) / 2) * unit, width };
}

function walk(counts, tail, from, step) {
  let at = from;
  for (let seen = counts[at]; seen <= tail && at + step >= 0 && at + step < LEVELS; seen += counts[at]) at += step;
  return at;
}

export const valueAt = (pixels, row, col) =>
  pixels.low + (pixels.values[row * pixels.cols + col] * (pixels.high - pixels.low)) / (LEVELS - 1);

/** Draw the slice under a window into a canvas of its own size. */
export function paintPixels(canvas, pixels, window, inverted) {
  const { rows, cols, values, low, high } = pixels;
  if (canvas.width !== cols || canvas.height !== rows) {
    canvas.width = cols;
    canvas.height = rows;
  }
  const table = new Uint32Array(LEVELS);
  const unit = (high - low) / (LEVELS - 1);
  const start = window.center - window.width / 2;
  for (let level = 0; level < LEVELS; level += 1) {
    const share = Math.min(1, Math.max(0, (low + level * unit - start) / window.width));
    const grey = Math.round(255 * (inverted ? 1 - share : share));
    table[level] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
  }
  const image = new ImageData(cols, rows);
  const words = new Uint32Array(image.data.buffer);
  for (let at = 0; at < values.length; at += 1) words[at] = table[values[at]];
  canvas.getContext("2d").putImageData(image, 0, 0);
}
