// One scan: the answer, the pictures, the measurements.

import * as api from "../api.js";
import { confirm } from "../dialog.js";
import { h, replace } from "../dom.js";
import { answerName } from "../format.js";
import { icon } from "../icons.js";
import { answerCard } from "../panels/answer.js";
import { aboutCard, downloadsCard, noteCard } from "../panels/details.js";
import { measurementsCard } from "../panels/measurements.js";
import { refusalCard } from "../panels/refusal.js";
import { statusText } from "../panels/rail.js";
import { go, rename, swap } from "../router.js";
import * as session from "../session.js";
import { t } from "../strings.js";
import * as uploads from "../uploads.js";
import { showBar, sliceBar, toolBar } from "../viewer/controls.js";
import { Correction } from "../viewer/correction.js";
import { Viewer } from "../viewer/viewer.js";

export const scanPage = (context) => (outlet, key) => {
  const page = new ScanPage(context, outlet);
  page.open(key);
  return () => page.leave();
};

class ScanPage {
  constructor(context, outlet) {
    this.context = context;
    this.outlet = outlet;
    this.unsubscribe = session.subscribe((entry, oldKey) => this.#changed(entry, oldKey));
  }

  leave() {
    this.left = true;
    this.unsubscribe();
    this.#endEdit();
    this.viewer?.destroy();
  }

  async open(key) {
    this.entry = session.find(key);
    if (this.entry && this.entry.key !== key) rename(`/scan/${this.entry.key}`);
    if (!this.entry) {
      try {
        const item = await api.item(key);
        if (this.left) return;
        this.entry = session.adopt(item);
      } catch (problem) {
        return void (
          this.left ||
          this.#showProblem(t("error.gone.title"), problem.status === 404 ? t("error.gone") : problem.message)
        );
      }
    }
    this.#render();
  }

  #changed(entry, oldKey) {
    if (!this.entry) return;
    if (entry === this.entry && oldKey) rename(`/scan/${entry.key}`);
    if (entry !== null && entry !== this.entry) return;
    if (entry === null) return;
    if (this.shownPhase !== entry.phase) this.#render();
    else if (entry.phase === "done") session.isRead(entry) && this.#renderDetails();
    else this.#renderProgress();
  }

  #render() {
    const { entry } = this;
    this.shownPhase = entry.phase;
    document.title = `${entry.name} \u2013 tumorlens`;
    if (entry.phase === "done") return session.isRead(entry) ? this.#renderResult() : this.#renderRefusal();
    if (entry.phase === "failed")
      return this.#showProblem(entry.problem?.title ?? t("error.title"), entry.problem?.message ?? t("error.unknown"));
    if (entry.phase === "cancelled")
      return this.#showProblem(t("phase.cancelled"), t("cancelled.text", { name: entry.name }));
    return this.#renderWaiting();
  }

  #renderWaiting() {
    this.progress = h("progress", { max: "1", "aria-label": t("progress.label") });
    this.phaseText = h("p", { role: "status", class: "soft" });
    const again = h(
      "button",
      { type: "button", class: "button", onclick: () => session.cancel(this.entry) },
      t("dialog.cancel"),
    );
    replace(
      this.outlet,
      h(
        "div",
        { class: "center" },
        h(
          "section",
          { class: "card state" },
          h("div", { class: "pulse" }, icon("picture", "big")),
          h("h1", { tabindex: "-1" }, this.entry.name),
          this.progress,
          this.phaseText,
          again,
        ),
      ),
    );
    this.#renderProgress();
  }

  #renderProgress() {
    if (!this.progress) return;
    if (this.entry.phase === "sending") this.progress.value = this.entry.progress;
    else this.progress.removeAttribute("value");
    replace(this.phaseText, statusText(this.entry));
  }

  #showProblem(title, text) {
    replace(
      this.outlet,
      h(
        "div",
        { class: "center" },
        h(
          "section",
          { class: "card state problem", role: "alert" },
          icon("warning", "big"),
          h("h1", { tabindex: "-1" }, title),
          this.entry && h("p", { class: "file" }, this.entry.name),
          h("p", {}, text),
          h(
            "div",
            { class: "dialog-actions" },
            this.entry && h("button", { type: "button", class: "button", onclick: () => this.#drop() }, t("rail.drop")),
            h("a", { class: "button primary", href: "#/" }, t("add.other")),
          ),
        ),
      ),
    );
  }

  async #drop() {
    go("/");
    await session.remove(this.entry).catch(() => {});
  }

  /** The gate takes this for no slice of a brain MRI: the picture, the reason, and the way round it. */
  #renderRefusal() {
    replace(
      this.outlet,
      h(
        "div",
        { class: "scan-page refusal-page" },
        this.#heading(),
        refusalCard(this.entry, (options) => this.#again(options)),
        aboutCard(this.entry.item),
      ),
    );
  }

  #renderResult() {
    const { entry } = this;
    const { item } = entry;
    this.answer = h("div", { class: "slot-answer" }, answerCard(item));
    this.details = h("div", { class: "slot-details" });
    this.live = h("div", { class: "visually-hidden", role: "status" });
    this.frame = h("section", { class: "frame", "aria-label": t("viewer.title") });
    replace(
      this.outlet,
      h(
        "div",
        { class: "scan-page" },
        this.#heading(),
        h("div", { class: "aside" }, this.answer, this.details),
        this.frame,
        this.live,
      ),
    );
    this.#renderDetails();
    this.#renderViewer();
    this.live.textContent = t("answer.spoken", { name: entry.name, message: item.analysis.message });
  }

  #heading() {
    const { item } = this.entry;
    return h(
      "header",
      { class: "page-head" },
      h("span", { class: "crumb", title: item.name }, item.name),
      h("span", { class: "spring" }),
      item.analysis.label &&
        h("a", { class: "button small", href: `#/compare/${item.id}/` }, icon("compare"), t("compare.with")),
      h("button", { type: "button", class: "button small", onclick: () => this.#delete() }, icon("trash"), t("delete")),
    );
  }

  async #delete() {
    const { entry } = this;
    if (!(await confirm(t(entry.item.stored ? "delete.stored" : "delete.session", { name: entry.name }), t("delete"))))
      return;
    await this.#drop();
  }

  #renderDetails() {
    const { entry, context } = this;
    const { item } = entry;
    // A person may be typing a note: that card stays as it is.
    this.note ??= context.limits.store && item.stored ? noteCard(entry) : null;
    const open = [...this.details.querySelectorAll("details")].map((one) => one.open);
    const focused = this.details.contains(document.activeElement)
      ? document.activeElement.closest("[aria-label]")
      : null;
    this.measurements = measurementsCard(item, entry.file ? (row, col) => this.#again({ spacing: [row, col] }) : null);
    const cards = [this.measurements, downloadsCard(item), this.note, aboutCard(item)].filter(Boolean);
    if (this.note?.contains(focused)) {
      const [measurements, downloads, , about] = this.details.children;
      measurements.replaceWith(cards[0]);
      downloads.replaceWith(cards[1]);
      about.replaceWith(cards.at(-1));
    } else {
      replace(this.details, cards);
    }
    [...this.details.querySelectorAll("details")].forEach((one, at) => (one.open = open[at] ?? false));
  }

  #renderViewer() {
    const { item } = this.entry;
    const viewer = new Viewer({
      label: t("viewer.of", { name: this.entry.name, answer: answerName(item.analysis) }),
      onState: () => this.#sync(),
      onView: () => {},
    });
    this.viewer = viewer;
    this.editButton = h(
      "button",
      { type: "button", class: "button small", disabled: true, onclick: () => this.#startEdit() },
      icon("edit"),
      t(item.analysis.mask || item.corrected ? "edit.start" : "edit.draw"),
    );
    this.top = showBar(viewer);
    this.tools = toolBar(viewer, this.editButton);
    this.bottom = h("div", { class: "bar-slot" }, this.tools.element);
    const slices =
      item.volume?.slices > 1
        ? sliceBar(item.volume, Boolean(this.entry.file), (slice) =>
            this.#again({ slice }).catch((problem) => this.viewer.say(problem.message)),
          )
        : null;
    replace(this.frame, this.top.element, viewer.stage, slices, this.bottom);
    this.#sync();
    viewer.load(item).then(() => {
      this.editButton.disabled = !viewer.pixels;
      this.#sync();
    });
  }

  #sync() {
    this.top.sync();
    this.tools.sync();
    this.correction?.sync();
  }

  #startEdit() {
    this.correction = new Correction(this.viewer, this.entry, {
      onEnd: () => {
        this.#endEdit();
        this.editButton.focus();
      },
      onArea: (pixels) => this.measurements.showArea(pixels),
    });
    replace(this.bottom, this.correction.element);
    this.frame.classList.add("editing");
    this.correction.start();
    this.correction.brush.focus();
  }

  #endEdit() {
    if (!this.correction) return;
    const { correction } = this;
    this.correction = null;
    correction.stop();
    this.frame.classList.remove("editing");
    replace(this.bottom, this.tools.element);
    this.#sync();
  }

  /** The same file with another slice or spacing: its answer takes this one's place, unless that was corrected. */
  async #again(options) {
    const { entry } = this;
    const item = await uploads.again(entry, options);
    const next = session.make({
      key: item.id,
      name: item.name,
      file: entry.file,
      options: { ...entry.options, ...options },
    });
    session.insert([next], entry);
    session.apply(next, item);
    await settled(next);
    if (!entry.item.corrected && !entry.item.note) session.remove(entry).catch(() => {});
    if (!this.left) swap(`/scan/${next.key}`);
  }
}

/** Resolves when an entry is no longer under way. */
function settled(entry) {
  return new Promise((resolve) => {
    const check = () => {
      if (session.isActive(entry)) return;
      stop();
      resolve();
    };
    const stop = session.subscribe(check);
    check();
  });
}
