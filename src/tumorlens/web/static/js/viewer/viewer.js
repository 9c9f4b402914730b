// The dark viewport: one canvas that draws the scan and what was found in it, in one pane, side by side or as a swipe.

import { h } from "../dom.js";
import { number } from "../format.js";
import { t } from "../strings.js";
import { loadActivation } from "./activation.js";
import { Interaction } from "./interact.js";
import { boundsOf, fromRunLengths, GREEN, outlineOf, OUTLINE_COLOR, paintMask, WHITE } from "./mask.js";
import { loadPixels, paintPixels, valueAt } from "./pixels.js";
import { drawRulers } from "./ruler.js";
import { newView, placement, roundLength } from "./view.js";

const GAP = 2;
const SHARP_FROM = 8;
const INK = "#eaf2f5";
const FONT = "500 12px system-ui, sans-serif";

export class Viewer {
  /**
   * @param {object} options - `label` for screen readers; `view`, which linked viewers share; `onView` after a zoom or
   *   pan, `onState` after a change that controls show, `onStroke(action)` after the mask was changed by hand.
   */
  constructor({ label, view = newView(), onView = () => {}, onState = () => {}, onStroke = () => {} }) {
    Object.assign(this, { view, onView, onState, onStroke });
    this.show = "scan";
    this.layout = "single";
    this.fill = 0.3;
    this.heat = 0.6;
    this.inverted = false;
    this.swipe = 0.5;
    this.tool = matchMedia("(pointer: coarse)").matches ? "pan" : "contrast";
    this.brush = 6;
    this.rulers = [];
    this.editor = null;
    this.layers = { scan: canvas(), green: canvas(), white: canvas(), activation: null };
    this.#build(label);
    this.interaction = new Interaction(this);
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(this.stage);
  }

  #build(label) {
    this.canvas = h("canvas", { class: "stage-canvas" });
    this.readout = h("div", { class: "hud hud-cursor" });
    this.levels = h("div", { class: "hud hud-levels" });
    this.legend = h(
      "div",
      { class: "hud hud-legend", hidden: true },
      h("span", {}, t("viewer.low")),
      h("i"),
      h("span", {}, t("viewer.high")),
    );
    this.spoken = h("div", { class: "visually-hidden", "aria-live": "polite" });
    this.message = h("p", { class: "stage-message", hidden: true });
    this.surface = h(
      "div",
      {
        class: "stage-surface",
        tabindex: "0",
        role: "application",
        "aria-label": label,
        "aria-roledescription": t("viewer.role"),
      },
      this.canvas,
    );
    this.handle = h(
      "div",
      {
        class: "swipe-handle",
        tabindex: "0",
        role: "slider",
        hidden: true,
        "aria-label": t("viewer.swipe"),
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        "aria-valuenow": "50",
      },
      h("i"),
    );
    this.stage = h(
      "div",
      { class: "stage" },
      this.surface,
      this.handle,
      this.readout,
      this.levels,
      this.legend,
      this.message,
      this.spoken,
    );
  }

  /** Load what the item shows; its pixels come first, the activation map when it has arrived. */
  async load(item) {
    this.item = item;
    const { links, analysis } = item;
    this.spacing = analysis.spacing_mm;
    try {
      this.pixels = await loadPixels(links.pixels ?? `${links.self}/pixels.bin`);
    } catch (problem) {
      this.message.textContent = problem.status === 404 ? t("viewer.missing") : problem.message;
      this.message.hidden = false;
      return;
    }
    const aspect = this.spacing ? this.spacing[0] / this.spacing[1] : 1;
    this.picture = { rows: this.pixels.rows, cols: this.pixels.cols, aspect };
    this.window = { ...this.pixels.window };
    const mask = item.corrected?.mask ?? analysis.mask;
    this.setMask(mask ? fromRunLengths(mask) : new Uint8Array(this.pixels.values.length));
    this.show = this.filled ? "outline" : "scan";
    this.update("scan");
    loadActivation(links.activation).then(
      (drawn) => {
        this.layers.activation = drawn;
        this.update();
      },
      () => {},
    );
  }

  /** Take a mask (0 or 1 per pixel), which the editor may go on to change in place. */
  setMask(mask) {
    this.mask = mask;
    this.maskChanged();
  }

  /** Count the mask's pixels after they changed, and redraw them with the next frame. */
  maskChanged() {
    this.bounds = boundsOf(this.mask, this.picture.cols);
    this.filled = this.bounds?.count ?? 0;
    this.maskStale = true;
    this.invalidate();
  }

  #repaintMask() {
    const { rows, cols } = this.picture;
    paintMask(this.layers.green, this.mask, rows, cols, this.bounds, GREEN);
    paintMask(this.layers.white, this.mask, rows, cols, this.bounds, WHITE);
    this.outline = outlineOf(this.mask, rows, cols, this.bounds);
    this.maskStale = false;
  }

  can(show) {
    if (show === "activation") return Boolean(this.layers.activation);
    return show === "scan" || Boolean(this.filled) || Boolean(this.editor);
  }

  /** Redraw, and tell the controls; "scan" repaints the grey levels too. */
  update(what = "") {
    if (what === "scan" && this.pixels) {
      this.repaint = true;
      this.levels.textContent = t("viewer.levels", {
        width: shown(this.window.width),
        center: shown(this.window.center),
      });
    }
    this.handle.hidden = this.layout !== "swipe" || !this.pixels;
    this.legend.hidden = this.show !== "activation" || !this.layers.activation;
    this.invalidate();
    this.onState();
  }

  resetView() {
    Object.assign(this.view, newView());
    this.window = { ...this.pixels.window };
    this.inverted = false;
    this.update("scan");
    this.onView();
  }

  invalidate() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.#draw());
  }

  box() {
    return { left: 0, top: 0, width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  /** Panes with the box that the picture is fitted into, the part that is drawn, and what is shown. */
  panes() {
    const all = this.box();
    if (this.layout === "side") {
      const width = (all.width - GAP) / 2;
      const [left, right] = [
        { ...all, width },
        { ...all, width, left: width + GAP },
      ];
      return [
        { box: left, clip: left, show: "scan" },
        { box: right, clip: right, show: this.show },
      ];
    }
    if (this.layout === "swipe") {
      const edge = all.width * this.swipe;
      const left = { ...all, width: edge };
      const right = { ...all, left: edge, width: all.width - edge };
      return [
        { box: all, clip: left, show: "scan" },
        { box: all, clip: right, show: this.show },
      ];
    }
    return [{ box: all, clip: all, show: this.show }];
  }

  /** The pane below a point of the stage. */
  paneAt(x) {
    const panes = this.panes();
    return panes.find((one) => x < one.clip.left + one.clip.width) ?? panes.at(-1);
  }

  #resize() {
    const scale = window.devicePixelRatio || 1;
    const { width, height } = this.box();
    if (!width || !height) return;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.#draw();
  }

  #draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const context = this.canvas.getContext("2d");
    const scale = window.devicePixelRatio || 1;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const all = this.box();
    context.clearRect(0, 0, all.width, all.height);
    if (!this.pixels || !all.width) return;
    if (this.repaint) paintPixels(this.layers.scan, this.pixels, this.window, this.inverted);
    this.repaint = false;
    if (this.maskStale) this.#repaintMask();
    this.surface.classList.toggle("zoomed", this.view.zoom > 1.01);
    const panes = this.panes();
    panes.forEach((pane, index) => this.#drawPane(context, pane, panes.length > 1 ? index : null));
    this.#drawBar(context, panes.at(-1).box);
    this.handle.style.setProperty("left", `${all.width * this.swipe}px`);
    this.handle.setAttribute("aria-valuenow", String(Math.round(this.swipe * 100)));
  }

  #drawPane(context, { box, clip, show }, index) {
    const place = placement(this.view, box, this.picture);
    context.save();
    context.beginPath();
    context.rect(clip.left, clip.top, clip.width, clip.height);
    context.clip();
    context.fillStyle = "#000";
    context.imageSmoothingEnabled = place.unitX < SHARP_FROM;
    context.imageSmoothingQuality = "high";
    const put = (layer) => context.drawImage(layer, place.left, place.top, place.width, place.height);
    if (show === "mask") context.fillRect(place.left, place.top, place.width, place.height);
    put(show === "mask" ? this.layers.white : this.layers.scan);
    if (show === "outline" && (this.filled || this.editor)) this.#drawOutline(context, place, put);
    if (show === "activation" && this.layers.activation) {
      context.globalAlpha = this.heat;
      put(this.layers.activation);
      context.globalAlpha = 1;
    }
    drawRulers(context, this.rulers, place, this.spacing);
    this.interaction.drawCursor(context, place);
    if (index !== null) this.#drawName(context, clip, t(`show.${show}`), index === 1 && this.layout === "swipe");
    context.restore();
  }

  #drawOutline(context, place, put) {
    context.globalAlpha = this.fill;
    put(this.layers.green);
    context.globalAlpha = 1;
    const path = new Path2D();
    path.addPath(this.outline, new DOMMatrix([place.unitX, 0, 0, place.unitY, place.left, place.top]));
    context.strokeStyle = OUTLINE_COLOR;
    context.lineWidth = 1.75;
    context.lineCap = "round";
    context.stroke(path);
  }

  #drawName(context, clip, text, right) {
    context.font = FONT;
    context.textAlign = right ? "right" : "left";
    label(context, text, right ? clip.left + clip.width - 12 : clip.left + 12, 22);
  }

  /** The scale bar, in millimetres where the spacing is known and in pixels where it is not. */
  #drawBar(context, box) {
    const place = placement(this.view, box, this.picture);
    const perUnit = this.spacing ? place.unitX / this.spacing[1] : place.unitX;
    const length = roundLength((box.width * 0.22) / perUnit);
    const width = length * perUnit;
    const [right, bottom] = [box.left + box.width - 14, box.top + box.height - 14];
    context.lineCap = "butt";
    for (const [color, extra] of [
      ["rgb(0 0 0 / .7)", 2],
      [INK, 0],
    ]) {
      context.strokeStyle = color;
      context.lineWidth = 2 + extra;
      context.beginPath();
      context.moveTo(right - width - extra / 2, bottom);
      context.lineTo(right + extra / 2, bottom);
      for (const x of [right - width, right]) {
        context.moveTo(x, bottom - 5 - extra / 2);
        context.lineTo(x, bottom + 1 + extra / 2);
      }
      context.stroke();
    }
    context.font = FONT;
    context.textAlign = "right";
    label(
      context,
      `${number(length, length < 1 ? 1 : 0)} ${t(this.spacing ? "unit.mm" : "unit.px")}`,
      right,
      bottom - 9,
    );
  }

  /** Show place and value of the pixel below the pointer, or nothing for null. */
  readPixel(point) {
    const inside = point && point.x >= 0 && point.y >= 0 && point.x < this.picture.cols && point.y < this.picture.rows;
    if (!inside) return void (this.readout.textContent = "");
    const [row, col] = [Math.floor(point.y), Math.floor(point.x)];
    this.readout.textContent = t("viewer.pixel", { row, col, value: shown(valueAt(this.pixels, row, col)) });
  }

  say(text) {
    this.spoken.textContent = text;
  }

  destroy() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }
}

function canvas() {
  return document.createElement("canvas");
}

function label(context, text, x, y) {
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = "rgb(0 0 0 / .7)";
  context.strokeText(text, x, y);
  context.fillStyle = INK;
  context.fillText(text, x, y);
}

/** Three figures, whatever the scanner's unit. */
function shown(value) {
  const size = Math.abs(value);
  return number(value, size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2);
}
