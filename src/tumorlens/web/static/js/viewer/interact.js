// Pointer, wheel, touch and keys on the stage. Every drag has its keys: see `help` in strings.js.

import { t } from "../strings.js";
import { rulerText } from "./ruler.js";
import { clamp, pan, placement, zoomAt } from "./view.js";

const WHEEL = 0.0016;
const KEY_ZOOM = 1.25;
const KEY_PAN = 40;
const SHORTEST_RULER = 1;
const MOST_RULERS = 12;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Interaction {
  constructor(viewer) {
    this.viewer = viewer;
    this.pointers = new Map();
    this.drag = null;
    this.cursor = null;
    this.hover = null;
    const on = (name, handler, options) => viewer.surface.addEventListener(name, handler.bind(this), options);
    on("pointerdown", this.#down);
    on("pointermove", this.#move);
    on("pointerup", this.#up);
    on("pointercancel", this.#up);
    on("pointerleave", this.#leave);
    on("wheel", this.#wheel, { passive: false });
    on("dblclick", () => this.#double());
    on("contextmenu", (event) => event.preventDefault());
    on("keydown", this.#key);
    on("blur", () => this.#hideCursor());
    viewer.handle.addEventListener("pointerdown", (event) => this.#swipeStart(event));
    viewer.handle.addEventListener("keydown", (event) => this.#swipeKey(event));
  }

  #point(event) {
    const rect = this.viewer.canvas.getBoundingClientRect();
    return { x: event.clientX - rect.left, y: event.clientY - rect.top };
  }

  #place(pane) {
    return placement(this.viewer.view, pane.box, this.viewer.picture);
  }

  #toImage({ x, y }, pane) {
    return this.#place(pane).toImage(x, y);
  }

  #down(event) {
    const { viewer } = this;
    if (!viewer.pixels) return;
    viewer.surface.focus({ preventScroll: true });
    this.#hideCursor();
    const point = this.#point(event);
    this.pointers.set(event.pointerId, point);
    viewer.surface.setPointerCapture(event.pointerId);
    if (this.pointers.size === 2) return this.#pinchStart();
    const pane = viewer.paneAt(point.x);
    const tool = event.button > 0 || event.shiftKey ? "pan" : viewer.tool;
    this.drag = { tool, pane, last: point, start: this.#toImage(point, pane) };
    if (tool === "ruler") {
      viewer.rulers = [...viewer.rulers.slice(1 - MOST_RULERS), { from: this.drag.start, to: this.drag.start }];
    }
    if (tool === "brush" || tool === "erase") {
      viewer.editor.begin(this.drag.start.x, this.drag.start.y, viewer.brush, tool === "brush" ? 1 : 0);
      viewer.maskChanged();
    }
  }

  #move(event) {
    const { viewer, drag } = this;
    if (!viewer.pixels) return;
    const point = this.#point(event);
    if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, point);
    if (this.pointers.size === 2) return this.#pinch();
    const pane = drag?.pane ?? viewer.paneAt(point.x);
    const image = this.#toImage(point, pane);
    this.hover = event.pointerType === "touch" ? null : image;
    viewer.readPixel(image);
    if (drag) this.#dragTo(point, image, event);
    if (drag || viewer.editor) viewer.invalidate();
  }

  #dragTo(point, image, event) {
    const { viewer, drag } = this;
    const [dx, dy] = [point.x - drag.last.x, point.y - drag.last.y];
    drag.last = point;
    if (drag.tool === "pan") {
      pan(viewer.view, this.#place(drag.pane), dx, dy);
      viewer.onView();
    } else if (drag.tool === "contrast") {
      this.#contrast(dx, dy);
    } else if (drag.tool === "ruler") {
      viewer.rulers.at(-1).to = image;
    } else if (viewer.editor?.stroke) {
      for (const one of event.getCoalescedEvents?.() ?? [event]) {
        const at = this.#toImage(this.#point(one), drag.pane);
        viewer.editor.extend(at.x, at.y);
      }
      viewer.editor.extend(image.x, image.y);
      viewer.maskChanged();
      viewer.onState();
    }
  }

  #up(event) {
    const { viewer, drag } = this;
    this.pointers.delete(event.pointerId);
    this.pinch = null;
    this.drag = null;
    if (!drag) return;
    if (drag.tool === "ruler") this.#endRuler();
    if (viewer.editor?.stroke) this.#endStroke(drag.tool);
    viewer.invalidate();
  }

  #leave() {
    this.hover = null;
    if (this.viewer.pixels) this.viewer.readPixel(null);
    this.viewer.invalidate();
  }

  #endRuler() {
    const { viewer } = this;
    const last = viewer.rulers.at(-1);
    const { from, to } = last;
    if (Math.hypot(to.x - from.x, to.y - from.y) < SHORTEST_RULER) viewer.rulers.pop();
    else viewer.say(t("viewer.measured", { length: rulerText(last, viewer.spacing) }));
    viewer.onState();
  }

  #endStroke(tool) {
    if (this.viewer.editor.end()) this.viewer.onStroke(tool);
  }

  /** Width from left to right, level from top to bottom, a fixed share of the scan's range per screen pixel. */
  #contrast(dx, dy) {
    const { viewer } = this;
    const step = viewer.pixels.window.width / 300;
    const range = viewer.pixels.high - viewer.pixels.low || 1;
    viewer.window.width = clamp(viewer.window.width + dx * step, range / 1000, range * 4);
    viewer.window.center = clamp(
      viewer.window.center + dy * step,
      viewer.pixels.low - range,
      viewer.pixels.high + range,
    );
    viewer.update("scan");
  }

  #pinchStart() {
    if (this.viewer.editor?.stroke) this.#endStroke(this.drag.tool);
    if (this.drag?.tool === "ruler") this.viewer.rulers.pop();
    this.drag = null;
    this.pinch = this.#spread();
  }

  #spread() {
    const [a, b] = [...this.pointers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, distance: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
  }

  #pinch() {
    const { viewer, pinch } = this;
    if (!pinch) return;
    const now = this.#spread();
    const pane = viewer.paneAt(now.x);
    zoomAt(viewer.view, pane.box, viewer.picture, now.distance / pinch.distance, now.x, now.y);
    pan(viewer.view, this.#place(pane), now.x - pinch.x, now.y - pinch.y);
    this.pinch = now;
    this.#viewed();
  }

  #wheel(event) {
    const { viewer } = this;
    if (!viewer.pixels) return;
    event.preventDefault();
    const point = this.#point(event);
    const lines = event.deltaMode === 1 ? 16 : 1;
    const factor = Math.exp(-clamp(event.deltaY * lines, -240, 240) * WHEEL);
    zoomAt(viewer.view, viewer.paneAt(point.x).box, viewer.picture, factor, point.x, point.y);
    this.#viewed();
  }

  #double() {
    if (this.viewer.editor) return;
    this.zoom(0);
  }

  /** Zoom by a factor about the middle; 0 fits the picture. */
  zoom(factor) {
    const { viewer } = this;
    if (!viewer.pixels) return;
    const { box } = viewer.panes().at(-1);
    if (factor) zoomAt(viewer.view, box, viewer.picture, factor, box.left + box.width / 2, box.top + box.height / 2);
    else Object.assign(viewer.view, { zoom: 1, x: 0.5, y: 0.5 });
    this.#viewed();
  }

  #viewed() {
    this.viewer.invalidate();
    this.viewer.onView();
  }

  #swipeStart(event) {
    const { viewer } = this;
    event.preventDefault();
    viewer.handle.focus();
    viewer.handle.setPointerCapture(event.pointerId);
    const move = (one) => this.#swipeTo(this.#point(one).x / viewer.canvas.clientWidth);
    viewer.handle.addEventListener("pointermove", move);
    viewer.handle.addEventListener("lostpointercapture", () => viewer.handle.removeEventListener("pointermove", move), {
      once: true,
    });
  }

  #swipeKey(event) {
    const step = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#swipeTo(this.viewer.swipe + step);
  }

  #swipeTo(share) {
    this.viewer.swipe = clamp(share, 0, 1);
    this.viewer.invalidate();
  }

  #key(event) {
    const { viewer } = this;
    if (!viewer.pixels || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const known = arrow ? this.#arrow(arrow, event.shiftKey) : this.#press(event.key);
    if (known) event.preventDefault();
  }

  #press(key) {
    const { viewer } = this;
    if (key === "+" || key === "=") this.zoom(KEY_ZOOM);
    else if (key === "-") this.zoom(1 / KEY_ZOOM);
    else if (key === "0") this.zoom(0);
    else if (key === " " || key === "Enter") return this.#act();
    else if (key === "Escape" && this.cursor) this.#hideCursor();
    else return false;
    viewer.invalidate();
    return true;
  }

  /** Arrows do what a drag does with the chosen tool; ruler, brush and eraser get a cross that the keys move. */
  #arrow([dx, dy], far) {
    const { viewer } = this;
    const { tool } = viewer;
    if (tool === "contrast" || tool === "pan") {
      if (tool === "contrast" && !far) {
        this.#contrast(dx * 6, dy * 6);
        viewer.say(viewer.levels.textContent);
      } else {
        pan(viewer.view, this.#place(viewer.panes().at(-1)), -dx * KEY_PAN, -dy * KEY_PAN);
        viewer.onView();
      }
    } else {
      const { rows, cols } = viewer.picture;
      const at = this.cursor ?? {
        x: Math.floor(viewer.view.x * cols) + 0.5,
        y: Math.floor(viewer.view.y * rows) + 0.5,
      };
      const step = far ? 10 : 1;
      this.cursor = this.cursor ? { x: clamp(at.x + dx * step, 0, cols), y: clamp(at.y + dy * step, 0, rows) } : at;
      if (this.keyRuler) viewer.rulers.at(-1).to = this.cursor;
      viewer.readPixel(this.cursor);
      viewer.say(viewer.readout.textContent);
    }
    viewer.invalidate();
    return true;
  }

  #act() {
    const { viewer, cursor } = this;
    if (!cursor) return false;
    if (viewer.tool === "ruler" && this.keyRuler) {
      this.keyRuler = false;
      this.#endRuler();
    } else if (viewer.tool === "ruler") {
      this.keyRuler = true;
      viewer.rulers = [...viewer.rulers.slice(1 - MOST_RULERS), { from: cursor, to: cursor }];
    } else if (viewer.editor) {
      viewer.editor.begin(cursor.x, cursor.y, viewer.brush, viewer.tool === "brush" ? 1 : 0);
      viewer.maskChanged();
      this.#endStroke(viewer.tool);
    }
    viewer.invalidate();
    return true;
  }

  #hideCursor() {
    this.cursor = null;
    this.keyRuler = false;
    this.viewer.invalidate();
  }

  /** The brush's edge below the pointer, or the cross that the keys move. */
  drawCursor(context, place) {
    const { viewer } = this;
    const at = this.cursor ?? (viewer.editor ? this.hover : null);
    if (!at) return;
    const { x, y } = place.toScreen(at.x, at.y);
    const painting = viewer.tool === "brush" || viewer.tool === "erase";
    for (const [color, width] of [
      ["rgb(0 0 0 / .8)", 3],
      ["#fff", 1.25],
    ]) {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.beginPath();
      if (painting) context.arc(x, y, Math.max(2, viewer.brush * place.unitX), 0, 2 * Math.PI);
      if (this.cursor) {
        for (const [dx, dy] of [
          [1, 0],
          [0, 1],
        ]) {
          context.moveTo(x - 9 * dx, y - 9 * dy);
          context.lineTo(x + 9 * dx, y + 9 * dy);
        }
      }
      context.stroke();
    }
  }
}
