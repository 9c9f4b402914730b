// An 8-bit grey PNG (color type 0) of a mask: a canvas would write RGBA, four times the bytes and lossy in alpha.

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** Encode a mask (0 or 1 per pixel, row by row) as a PNG blob of 0 and 255. */
export async function maskPng(mask, rows, cols) {
  const raw = new Uint8Array(rows * (cols + 1));
  for (let row = 0; row < rows; row += 1) {
    const to = row * (cols + 1) + 1;
    for (let col = 0; col < cols; col += 1) raw[to + col] = mask[row * cols + col] ? 255 : 0;
  }
  const stream = new Blob([raw]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, cols);
  view.setUint32(4, rows);
  header[8] = 8;
  const parts = [
    new Uint8Array(SIGNATURE),
    chunk("IHDR", header),
    chunk("IDAT", packed),
    chunk("IEND", new Uint8Array(0)),
  ];
  return new Blob(parts, { type: "image/png" });
}

function chunk(type, data) {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let at = 0; at < 4; at += 1) bytes[4 + at] = type.charCodeAt(at);
  bytes.set(data, 8);
  let crc = 0xffffffff;
  for (const one of bytes.subarray(4, 8 + data.length)) crc = CRC[(crc ^ one) & 255] ^ (crc >>> 8);
  view.setUint32(8 + data.length, (crc ^ 0xffffffff) >>> 0);
  return bytes;
}
