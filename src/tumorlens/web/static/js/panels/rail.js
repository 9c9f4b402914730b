// The session's scans, each with its picture, progress and answer. Rows are kept and updated, never rebuilt.

import { h, replace } from "../dom.js";
import { answerName, sureness } from "../format.js";
import { icon } from "../icons.js";
import * as session from "../session.js";
import { t } from "../strings.js";
import { thumbnail } from "./thumbnail.js";

export function statusText(entry) {
  const { phase, item, progress } = entry;
  if (phase === "done") {
    const { analysis } = item;
    if (analysis.label === null || analysis.findings?.unlike.flagged) return answerName(analysis);
    return `${answerName(analysis)} \u00b7 ${sureness(analysis, 0)}`;
  }
  if (phase === "sending") return t("phase.sending", { share: `${Math.floor(progress * 100)} %` });
  if (phase === "queued" && item?.position) return t("phase.place", { position: item.position });
  return t(`phase.${phase}`);
}

export class Rail {
  constructor() {
    this.rows = new Map();
    this.list = h("ul", { class: "rail-list" });
    this.element = h("nav", { class: "rail", "aria-label": t("rail.label") }, this.list);
    this.current = null;
    session.subscribe((entry) => (entry ? this.#update(entry) : this.#arrange()));
  }

  select(key) {
    this.current = key;
    for (const [entry, row] of this.rows) this.#mark(entry, row);
  }

  #arrange() {
    const entries = session.all();
    for (const [entry, row] of this.rows) {
      if (entries.includes(entry)) continue;
      row.element.remove();
      this.rows.delete(entry);
    }
    for (const entry of entries) if (!this.rows.has(entry)) this.rows.set(entry, this.#row(entry));
    const wanted = entries.map((one) => this.rows.get(one).element);
    const same =
      wanted.length === this.list.children.length && wanted.every((one, at) => one === this.list.children[at]);
    if (!same) this.list.replaceChildren(...wanted);
    for (const entry of entries) this.#update(entry);
  }

  #row(entry) {
    const row = {
      picture: h("span", { class: "thumb" }),
      name: h("span", { class: "name" }),
      status: h("span", { class: "status" }),
      progress: h("progress", { max: "1", value: 0, "aria-hidden": "true", hidden: true }),
    };
    row.link = h(
      "a",
      { class: "rail-link" },
      row.picture,
      h("span", { class: "texts" }, row.name, row.status, row.progress),
    );
    row.button = h(
      "button",
      {
        type: "button",
        class: "rail-remove",
        onclick: () => (session.isActive(entry) ? session.cancel(entry) : this.#remove(entry)),
      },
      icon("close"),
    );
    row.element = h("li", {}, row.link, row.button);
    return row;
  }

  async #remove(entry) {
    const next = linkBeside(this.rows.get(entry).element);
    await session.remove(entry).catch(() => {});
    if (this.current === entry.key) location.hash = "#/";
    next?.focus();
  }

  #update(entry) {
    const row = this.rows.get(entry);
    if (!row) return;
    row.link.href = `#/scan/${entry.key}`;
    if (row.name.textContent !== entry.name) replace(row.name, entry.name);
    const text = statusText(entry);
    if (row.status.textContent !== text) replace(row.status, text);
    row.progress.hidden = !["sending", "running"].includes(entry.phase);
    if (entry.phase === "sending") row.progress.value = entry.progress;
    else row.progress.removeAttribute("value");
    thumbnail(row.picture, entry);
    const active = session.isActive(entry);
    // In the store, an analysis leaves only through the list, where the person is asked first.
    row.button.hidden = !active && Boolean(entry.item?.stored);
    const label = t(active ? "rail.cancel" : "rail.remove", { name: entry.name });
    row.button.setAttribute("aria-label", label);
    row.button.title = label;
    row.element.dataset.phase = entry.phase;
    row.element.dataset.label = entry.item?.analysis?.label ?? "";
    this.#mark(entry, row);
  }

  #mark(entry, row) {
    if (entry.key === this.current) row.link.setAttribute("aria-current", "page");
    else row.link.removeAttribute("aria-current");
  }
}

function linkBeside(element) {
  return (element.nextElementSibling ?? element.previousElementSibling)?.querySelector("a");
}
