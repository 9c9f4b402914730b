// Rulers: straight lines between two points of the scan, in millimetres where the spacing is known, else in pixels.

import { number } from "../format.js";
import { t } from "../strings.js";

const COLOR = "#ffd166";

/** Length of a ruler {from, to}, whose points are (x, y) in pixels; `spacing` is (row, column) in millimetres. */
export function rulerLength({ from, to }, spacing) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  return spacing ? Math.hypot(dx * spacing[1], dy * spacing[0]) : Math.hypot(dx, dy);
}

export const rulerText = (ruler, spacing) =>
  `${number(rulerLength(ruler, spacing), 1)} ${t(spacing ? "unit.mm" : "unit.px")}`;

export function drawRulers(context, rulers, place, spacing) {
  for (const ruler of rulers) {
    const from = place.toScreen(ruler.from.x, ruler.from.y);
    const to = place.toScreen(ruler.to.x, ruler.to.y);
    for (const [color, width] of [
      ["rgb(0 0 0 / .65)", 4],
      [COLOR, 1.75],
    ]) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.lineCap = "round";
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
      for (const end of [from, to]) {
        context.moveTo(end.x + 3.5, end.y);
        context.arc(end.x, end.y, 3.5, 0, 2 * Math.PI);
      }
      context.stroke();
    }
    write(context, rulerText(ruler, spacing), from, to);
  }
}

function write(context, text, from, to) {
  context.font = "600 13px system-ui, sans-serif";
  context.textAlign = "left";
  const end = from.x > to.x ? from : to;
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  context.strokeStyle = "rgb(0 0 0 / .8)";
  context.strokeText(text, end.x + 9, end.y + 4);
  context.fillStyle = COLOR;
  context.fillText(text, end.x + 9, end.y + 4);
}
