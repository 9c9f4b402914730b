// Two scans of one person side by side, and what changed between them.

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { answerName, number, signed, sureness, when } from "../format.js";
import { icon } from "../icons.js";
import { iconButton, showBar } from "../viewer/controls.js";
import { MEASURES } from "../measures.js";
import { regionsOf, totalArea } from "../panels/measurements.js";
import { swap } from "../router.js";
import * as session from "../session.js";
import { t } from "../strings.js";
import { newView } from "../viewer/view.js";
import { Viewer } from "../viewer/viewer.js";

const ROWS = [
  ["area", t("measure.area"), (regions, unit) => totalArea(regions, unit === "mm" ? "area_mm2" : "area_px")],
  ...MEASURES.filter((one) => one.kind === "length").map((one) => [
    one.name,
    one.title,
    (regions, unit) => regions[0][one[unit]] ?? null,
  ]),
];

export const comparePage = () => (outlet, first, second) => {
  document.title = `${t("compare.title")} \u2013 tumorlens`;
  const viewers = [];
  const view = newView();
  let left = false;
  const host = h("div", { class: "compare" });
  replace(outlet, host);
  Promise.all([entryOf(first), entryOf(second)]).then((entries) => {
    if (left) return;
    const open = (at, key) => swap(`/compare/${at === 0 ? key : first}/${at === 1 ? key : second}`);
    const pictures = h(
      "div",
      { class: "compare-pictures" },
      entries.map((entry, at) => side(entry, at, { view, viewers, pick: (key) => open(at, key) })),
    );
    replace(
      host,
      h(
        "header",
        { class: "page-head" },
        h("h1", { tabindex: "-1" }, t("compare.title")),
        h("span", { class: "spring" }),
        h(
          "button",
          { type: "button", class: "button small", onclick: () => swap(`/compare/${second}/${first}`) },
          icon("swap"),
          t("compare.swap"),
        ),
      ),
      pictures,
      entries.every(Boolean)
        ? changes(entries.map((one) => one.item))
        : h("p", { class: "soft card" }, t("compare.choose")),
    );
  });
  return () => {
    left = true;
    viewers.forEach((one) => one.destroy());
  };
};

async function entryOf(key) {
  if (!key) return null;
  const known = session.find(key);
  if (known) return session.isRead(known) ? known : null;
  try {
    const item = await api.item(key);
    if (item.status !== "done") return null;
    const entry = session.adopt(item);
    return session.isRead(entry) ? entry : null;
  } catch {
    return null;
  }
}

function side(entry, at, { view, viewers, pick }) {
  const name = t(at === 0 ? "compare.before" : "compare.after");
  const select = h(
    "select",
    { "aria-label": name, onchange: () => pick(select.value) },
    !entry && h("option", { value: "" }, t("compare.pick")),
    session
      .finished()
      .map((one) =>
        h(
          "option",
          { value: one.key, selected: one === entry },
          `${one.name} \u2013 ${answerName(one.item.analysis)}`,
        ),
      ),
  );
  const head = h(
    "div",
    { class: "compare-head" },
    h("span", { class: "badge" }, name),
    select,
    entry?.item.corrected &&
      h("span", { class: "badge edited", title: t("measure.corrected") }, icon("edit"), t("compare.corrected")),
  );
  const frame = h("section", { class: "frame", "aria-label": name }, head);
  if (!entry) {
    frame.append(
      h("div", { class: "stage empty" }, h("p", {}, t(session.finished().length ? "compare.pick" : "compare.none"))),
    );
    return frame;
  }
  const viewer = new Viewer({
    label: t("viewer.of", { name: entry.name, answer: answerName(entry.item.analysis) }),
    view,
    onView: () => viewers.forEach((one) => one.invalidate()),
    onState: () => sync(),
  });
  viewers.push(viewer);
  viewer.tool = "pan";
  const bar = showBar(viewer, { layouts: false });
  const sync = () => {
    bar.sync();
    viewer.surface.dataset.tool = viewer.tool;
  };
  bar.element.append(
    h("span", { class: "spring" }),
    h(
      "div",
      { class: "group" },
      iconButton("minus", t("tool.out"), () => viewer.interaction.zoom(0.8)),
      iconButton("fit", t("tool.fit"), () => viewer.interaction.zoom(0)),
      iconButton("add", t("tool.in"), () => viewer.interaction.zoom(1.25)),
    ),
  );
  const { analysis } = entry.item;
  frame.append(
    viewer.stage,
    bar.element,
    h(
      "p",
      { class: "compare-answer" },
      h("strong", {}, analysis.message),
      h("span", {}, `${sureness(analysis)} \u00b7 ${when(entry.item.created)}`),
    ),
  );
  viewer.load(entry.item).then(sync);
  return frame;
}

/** The table of changes; no number is made up where one side has no outline or no spacing. */
function changes(items) {
  const regions = items.map(regionsOf);
  const known = items.map((one) => one.analysis.spacing_mm !== null);
  const unit = known.every(Boolean) ? "mm" : "px";
  const notes = [t("compare.note")];
  if (known.some((one) => !one)) notes.unshift(t(known.some(Boolean) ? "compare.mixed" : "compare.pixels"));
  if (regions.some((one) => !one.length)) notes.unshift(t("compare.missing"));
  if (items[0].analysis.label !== items[1].analysis.label) notes.unshift(t("compare.labels"));
  const comparable = known[0] === known[1];
  return h(
    "section",
    { class: "card changes", "aria-label": t("compare.changes") },
    h("h2", {}, t("compare.changes")),
    h(
      "div",
      { class: "scroll-x", tabindex: "0", role: "region", "aria-label": t("compare.changes") },
      h(
        "table",
        { class: "sizes" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["measure.what", "compare.before", "compare.after", "compare.change", "compare.percent"].map((key, at) =>
              h("th", { scope: "col" }, at ? t(key) : h("span", { class: "visually-hidden" }, t(key))),
            ),
          ),
        ),
        h(
          "tbody",
          {},
          ROWS.map(([name, title, value]) =>
            changeRow(
              name,
              title,
              regions.map((one) => (one.length ? value(one, unit) : null)),
              unit,
              comparable,
            ),
          ),
        ),
      ),
    ),
    h(
      "ul",
      { class: "notes soft small" },
      notes.map((one) => h("li", {}, one)),
    ),
  );
}

function changeRow(name, title, [before, after], unit, comparable) {
  const shown = t(name === "area" ? (unit === "mm" ? "unit.mm2" : "unit.px2") : `unit.${unit}`);
  const decimals = [before, after].every((one) => one === null || Number.isInteger(one)) ? 0 : 1;
  const plain = (value) => (value === null ? t("none") : number(value, decimals));
  const both = comparable && before !== null && after !== null;
  const share = both && before > 0 ? (after - before) / before : null;
  return h(
    "tr",
    { data: { row: name } },
    h("th", { scope: "row" }, t("compare.row", { name: title, unit: shown })),
    h("td", {}, plain(before)),
    h("td", {}, plain(after)),
    h("td", { class: "strong" }, both ? signed(after - before, decimals) : t("none")),
    h("td", { class: "strong" }, share === null ? t("none") : `${signed(share * 100, 1)}\u202f%`),
  );
}
