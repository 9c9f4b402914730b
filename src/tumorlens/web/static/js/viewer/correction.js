// Correcting the outline by hand: strokes are sent as a mask soon after they end, and the answer is measured anew.

import * as api from "../api.js";
import { confirm } from "../dialog.js";
import { h, replace } from "../dom.js";
import { icon } from "../icons.js";
import { maskPng } from "../png.js";
import * as session from "../session.js";
import { t } from "../strings.js";
import { iconButton } from "./controls.js";
import { MaskEditor } from "./editor.js";
import { fromRunLengths } from "./mask.js";

const WAIT_MS = 150;
const LARGEST_BRUSH = 40;
const AUTHOR = "tumorlens.author";
const AUTHOR_LENGTH = 80;

export class Correction {
  /** `onEnd` is called when the person is done; `onArea(pixels)` while a stroke runs. */
  constructor(viewer, entry, { onEnd, onArea }) {
    Object.assign(this, { viewer, entry, onEnd, onArea });
    this.pending = null;
    this.running = null;
    this.#build();
  }

  #build() {
    const pick = (tool) => () => {
      this.viewer.tool = tool;
      this.viewer.update();
    };
    this.brush = iconButton("brush", t("edit.brush"), pick("brush"));
    this.eraser = iconButton("eraser", t("edit.eraser"), pick("erase"));
    this.undoButton = iconButton("undo", t("edit.undo"), () => this.#step("undo"));
    this.redoButton = iconButton("redo", t("edit.redo"), () => this.#step("redo"));
    this.discard = iconButton("trash", t("edit.discard"), () => this.#discard());
    this.size = h("input", {
      type: "range",
      min: "0.5",
      max: String(LARGEST_BRUSH),
      step: "0.5",
      value: String(this.viewer.brush),
      "aria-label": t("edit.size"),
      oninput: () => {
        this.viewer.brush = Number(this.size.value);
        this.viewer.invalidate();
      },
    });
    this.author = h("input", {
      type: "text",
      maxlength: String(AUTHOR_LENGTH),
      placeholder: t("edit.author.hint"),
      value: sessionStorage.getItem(AUTHOR) ?? "",
      "aria-label": t("edit.author"),
      autocomplete: "name",
      class: "author",
      onchange: () => sessionStorage.setItem(AUTHOR, this.author.value.trim()),
    });
    this.status = h("span", { class: "edit-status", role: "status" });
    this.element = h(
      "div",
      { class: "bar bar-edit", role: "toolbar", "aria-label": t("edit.bar") },
      h("div", { class: "group" }, this.brush, this.eraser),
      h("label", { class: "opacity" }, h("span", {}, t("edit.size.short")), this.size),
      h("div", { class: "group" }, this.undoButton, this.redoButton, this.discard),
      this.author,
      this.status,
      h("span", { class: "spring" }),
      h(
        "button",
        { type: "button", class: "button primary small", onclick: () => this.onEnd() },
        icon("check"),
        t("edit.done"),
      ),
    );
    this.onKeys = (event) => this.#keys(event);
  }

  start() {
    const { viewer } = this;
    const { rows, cols, aspect } = viewer.picture;
    viewer.editor = new MaskEditor(viewer.mask, rows, cols, aspect);
    viewer.show = "outline";
    viewer.tool = "brush";
    viewer.onStroke = (tool) => this.#changed(tool);
    document.addEventListener("keydown", this.onKeys);
    viewer.update();
    this.sync();
  }

  /** Leave the editor; what is not sent yet is sent. */
  stop() {
    const { viewer } = this;
    document.removeEventListener("keydown", this.onKeys);
    viewer.editor = null;
    viewer.tool = "contrast";
    viewer.onStroke = () => {};
    if (viewer.show === "outline" && !viewer.filled) viewer.show = "scan";
    viewer.update();
    this.#flush();
  }

  sync() {
    const { editor, tool, filled } = this.viewer;
    if (!editor) return;
    this.brush.setAttribute("aria-pressed", String(tool === "brush"));
    this.eraser.setAttribute("aria-pressed", String(tool === "erase"));
    this.undoButton.disabled = !editor.past.length;
    this.redoButton.disabled = !editor.future.length;
    this.discard.disabled = !this.entry.item.corrected;
    if (editor.stroke) this.onArea(filled);
  }

  #keys(event) {
    if (event.target.matches?.("input, textarea") && event.target.type !== "range") return;
    const key = event.key.toLowerCase();
    const command = event.ctrlKey || event.metaKey;
    if (command && (key === "y" || (key === "z" && event.shiftKey))) this.#step("redo");
    else if (command && key === "z") this.#step("undo");
    else if (!command && (key === "[" || key === "]")) this.#resize(key === "]" ? 1 : -1);
    else return;
    event.preventDefault();
  }

  #resize(by) {
    this.size.value = String(Number(this.size.value) + by);
    this.size.dispatchEvent(new Event("input"));
  }

  #step(action) {
    if (!this.viewer.editor[action]()) return;
    this.viewer.maskChanged();
    this.onArea(this.viewer.filled);
    this.#changed(action);
  }

  #changed(action) {
    this.pending = action === "erase" || action === "undo" || action === "redo" ? action : "brush";
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#flush(), WAIT_MS);
    this.viewer.update();
  }

  /** Send the mask unless a send is under way, after which what has changed since is sent. */
  async #flush() {
    clearTimeout(this.timer);
    if (!this.pending || this.running) return this.running;
    const action = this.pending;
    this.pending = null;
    replace(this.status, t("edit.saving"));
    const { rows, cols } = this.viewer.picture;
    this.running = maskPng(this.viewer.mask, rows, cols).then((png) =>
      api.putMask(this.entry.item.id, png, this.author.value.trim(), action),
    );
    try {
      this.entry.item.corrected = await this.running;
      replace(this.status, t("edit.saved"));
      session.changed(this.entry);
    } catch (problem) {
      replace(this.status, t("edit.failed", { why: problem.message }));
    } finally {
      this.running = null;
    }
    this.sync();
    return this.#flush();
  }

  async #discard() {
    if (!(await confirm(t("edit.discard.ask"), t("edit.discard.yes")))) return;
    clearTimeout(this.timer);
    this.pending = null;
    await this.running?.catch(() => {});
    const { item } = this.entry;
    try {
      await api.deleteMask(item.id);
    } catch (problem) {
      return void replace(this.status, problem.message);
    }
    session.apply(this.entry, await api.item(item.id));
    const { viewer } = this;
    const mask = item.analysis.mask;
    viewer.setMask(mask ? fromRunLengths(mask) : new Uint8Array(viewer.mask.length));
    const { rows, cols, aspect } = viewer.picture;
    viewer.editor = new MaskEditor(viewer.mask, rows, cols, aspect);
    replace(this.status, t("edit.discarded"));
    viewer.update();
  }
}
