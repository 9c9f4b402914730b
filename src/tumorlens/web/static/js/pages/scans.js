// All scans: those of this browser session, or with a store everything it keeps; search, compare, CSV, delete.

import * as api from "../api.js";
import { confirm } from "../dialog.js";
import { h, replace } from "../dom.js";
import { answerName, className, quantity, sureness, when } from "../format.js";
import { icon } from "../icons.js";
import { regionsOf, totalArea } from "../panels/measurements.js";
import { statusText } from "../panels/rail.js";
import { thumbnail } from "../panels/thumbnail.js";
import { go } from "../router.js";
import * as session from "../session.js";
import { t } from "../strings.js";

const PAGE = 50;
const TYPING_MS = 200;

export const scansPage = (context) => (outlet) => {
  const page = new ScansPage(context, outlet);
  return () => page.leave();
};

class ScansPage {
  constructor({ limits }, outlet) {
    this.store = limits.store;
    this.selected = new Set();
    this.found = [];
    this.total = 0;
    document.title = `${t("scans.title")} \u2013 tumorlens`;
    this.search = h("input", {
      type: "search",
      placeholder: t(this.store ? "scans.search.store" : "scans.search"),
      "aria-label": t("scans.search"),
      oninput: () => this.#typed(),
    });
    this.compare = h(
      "button",
      { type: "button", class: "button small", onclick: () => this.#compare() },
      icon("compare"),
      t("compare.two"),
    );
    this.csv = h("a", { class: "button small", download: "summary.csv" }, icon("down"), t("download.csv"));
    this.trash = h(
      "button",
      { type: "button", class: "button small", onclick: () => this.#delete() },
      icon("trash"),
      t("delete"),
    );
    this.body = h("tbody");
    this.more = h(
      "button",
      { type: "button", class: "button", hidden: true, onclick: () => this.#load(this.found.length) },
      t("scans.more"),
    );
    this.status = h("p", { class: "soft", role: "status" });
    this.table = h(
      "table",
      { class: "scans" },
      h("caption", { class: "visually-hidden" }, t("scans.title")),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["select", "scan", "answer", "confidence", "area", "when"].map((one) =>
            h(
              "th",
              { scope: "col" },
              one === "select" ? h("span", { class: "visually-hidden" }, t("scans.select")) : t(`scans.${one}`),
            ),
          ),
        ),
      ),
      this.body,
    );
    replace(
      outlet,
      h(
        "div",
        { class: "scans-page" },
        h("header", { class: "page-head" }, h("h1", { tabindex: "-1" }, t("scans.title"))),
        h("p", { class: "privacy" }, icon("info"), h("span", {}, t(this.store ? "store.on" : "store.off"))),
        h(
          "div",
          { class: "scans-bar" },
          h("label", { class: "search" }, icon("search"), this.search),
          this.compare,
          this.csv,
          this.trash,
        ),
        this.table,
        this.status,
        this.more,
      ),
    );
    this.unsubscribe = session.subscribe(() => this.#soon());
    this.store ? this.#load(0) : this.#render();
  }

  leave() {
    this.unsubscribe();
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
  }

  #soon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#render();
    });
  }

  #typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.store ? this.#load(0) : this.#render()), TYPING_MS);
  }

  async #load(offset) {
    const query = this.search.value.trim();
    try {
      const { analyses, total } = await api.stored(query, PAGE, offset);
      if (query !== this.search.value.trim()) return;
      this.total = total ?? offset + analyses.length;
      const entries = analyses.map(
        (item) => session.find(item.id) ?? session.make({ key: item.id, name: item.name, item, phase: item.status }),
      );
      this.found = offset ? [...this.found, ...entries] : entries;
    } catch (problem) {
      replace(this.status, problem.message);
    }
    this.#render();
  }

  /** With a store, what this session holds and the store does not have yet comes first. */
  #entries() {
    const query = this.search.value.trim().toLowerCase();
    const matches = (one) =>
      !query ||
      one.name.toLowerCase().includes(query) ||
      (one.item?.analysis && words(one.item.analysis).toLowerCase().includes(query));
    const words = (analysis) => `${answerName(analysis)} ${className(analysis.label)}`;
    const own = session.all().filter(matches);
    if (!this.store) return own;
    const keys = new Set(this.found.map((one) => one.key));
    return [...own.filter((one) => !keys.has(one.key) && (!query || matches(one))), ...this.found];
  }

  #render() {
    const entries = this.#entries();
    const keys = new Set(entries.map((one) => one.key));
    for (const key of this.selected) if (!keys.has(key)) this.selected.delete(key);
    const focused = document.activeElement?.closest?.("tr")?.dataset.key;
    const wasBox = document.activeElement?.type === "checkbox";
    this.shown = entries;
    replace(
      this.body,
      entries.map((one) => this.#row(one)),
    );
    if (focused) this.body.querySelector(`tr[data-key="${CSS.escape(focused)}"] ${wasBox ? "input" : "a"}`)?.focus();
    this.table.hidden = !entries.length;
    replace(this.status, entries.length ? "" : t(this.search.value ? "scans.nothing" : "scans.empty"));
    this.more.hidden = !this.store || this.found.length >= this.total;
    this.#actions();
  }

  #row(entry) {
    const { item, phase } = entry;
    const analysis = phase === "done" ? item.analysis : null;
    const box = h("input", {
      type: "checkbox",
      "aria-label": t("scans.select.one", { name: entry.name }),
      checked: this.selected.has(entry.key),
      onchange: () => {
        if (box.checked) this.selected.add(entry.key);
        else this.selected.delete(entry.key);
        this.#actions();
      },
    });
    const regions = analysis ? regionsOf(item) : [];
    const millimetres = analysis?.spacing_mm;
    const area = regions.length
      ? quantity(totalArea(regions, millimetres ? "area_mm2" : "area_px"), t(millimetres ? "unit.mm2" : "unit.px2"), 0)
      : t("none");
    return h(
      "tr",
      { data: { key: entry.key, phase, label: analysis?.label ?? "" } },
      h("td", { class: "c-select" }, box),
      h(
        "td",
        { class: "c-scan" },
        h(
          "a",
          { href: `#/scan/${entry.key}` },
          thumbnail(h("span", { class: "thumb" }), entry),
          h(
            "span",
            { class: "texts" },
            h("span", { class: "name" }, entry.name),
            item?.note && h("span", { class: "soft small note" }, item.note),
          ),
        ),
      ),
      h(
        "td",
        { class: "c-answer" },
        analysis
          ? answerName(analysis)
          : phase === "failed"
            ? h("span", { class: "bad" }, entry.problem?.message ?? t("phase.failed"))
            : statusText(entry),
      ),
      h(
        "td",
        { class: "c-number", data: { head: t("scans.confidence") } },
        analysis ? sureness(analysis) : t("none"),
      ),
      h(
        "td",
        { class: "c-number", data: { head: t("scans.area") } },
        area,
        item?.corrected && h("span", { class: "edited", title: t("measure.corrected") }, icon("edit")),
      ),
      h("td", { class: "c-when" }, item ? when(item.created) : ""),
    );
  }

  #chosen() {
    return this.shown.filter((one) => this.selected.has(one.key));
  }

  #actions() {
    const chosen = this.#chosen();
    const done = (chosen.length ? chosen : this.shown).filter((one) => one.phase === "done");
    this.compare.disabled = chosen.filter(session.isRead).length !== 2;
    this.trash.disabled = !chosen.length;
    replace(this.csv, icon("down"), t(chosen.length ? "download.csv.chosen" : "download.csv.all"));
    if (done.length) this.csv.href = api.csvOf(done.map((one) => one.key));
    else this.csv.removeAttribute("href");
    this.csv.setAttribute("aria-disabled", String(!done.length));
  }

  #compare() {
    const [one, two] = this.#chosen().filter(session.isRead);
    // The list is newest first, and a comparison goes from before to after.
    go(`/compare/${two.key}/${one.key}`);
  }

  async #delete() {
    const chosen = this.#chosen();
    const question = t(this.store ? "scans.delete.stored" : "scans.delete.session", { count: chosen.length });
    if (!(await confirm(question, t("delete")))) return;
    for (const one of chosen) {
      await session.remove(one).catch((problem) => replace(this.status, problem.message));
      this.found = this.found.filter((each) => each !== one);
      this.total -= 1;
    }
    this.selected.clear();
    this.#render();
  }
}
