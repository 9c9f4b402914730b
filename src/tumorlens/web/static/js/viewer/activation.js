// The activation map in the colors of matplotlib's inferno (CC0), which grow evenly lighter.

import { bytesOf } from "../api.js";

const STOPS = [
  [0, 0, 4],
  [31, 12, 72],
  [85, 15, 109],
  [136, 34, 106],
  [186, 54, 85],
  [227, 89, 51],
  [249, 140, 10],
  [249, 201, 50],
  [252, 255, 164],
];

/** A canvas with the map, its opacity growing with the activation; null where the address is null. */
export async function loadActivation(url) {
  if (!url) return null;
  const bitmap = await createImageBitmap(await (await bytesOf(url)).blob());
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < image.data.length; at += 4) {
    const share = image.data[at] / 255;
    image.data.set(colorOf(share), at);
    image.data[at + 3] = Math.round(255 * Math.min(1, share * 1.6));
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function colorOf(share) {
  const place = share * (STOPS.length - 1);
  const low = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[low].map((one, channel) => Math.round(one + (STOPS[low + 1][channel] - one) * (place - low)));
}
