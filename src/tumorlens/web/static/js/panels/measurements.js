// Sizes of what is outlined, with units; millimetres only where somebody states the spacing.

import { h } from "../dom.js";
import { number, quantity } from "../format.js";
import { icon } from "../icons.js";
// The server makes this module of its table of measurements.
import { MEASURES } from "../measures.js";
import { t } from "../strings.js";

const LENGTHS = MEASURES.filter((one) => one.kind === "length");
const RATIOS = MEASURES.filter((one) => one.kind === "ratio");

/** The regions in force: those of the correction where there is one. */
export const regionsOf = (item) => item.corrected?.regions ?? item.analysis.regions;

/** Sum over all regions; null where a region has none. */
export function totalArea(regions, key) {
  return regions.reduce((sum, one) => (sum === null || one[key] === null ? null : sum + one[key]), 0);
}

/**
 * The card; `onSpacing(row, col)` measures again with a spacing, and is null where the file is not at hand.
 * The element's `showArea(pixels)` shows an area at once, while a stroke runs.
 */
export function measurementsCard(item, onSpacing) {
  const { analysis } = item;
  const regions = regionsOf(item);
  const card = h(
    "section",
    { class: "card measurements", "aria-label": t("measure.title") },
    h("div", { class: "card-head" }, h("h2", {}, t("measure.title")), badge(item)),
  );
  if (!regions.length) {
    card.append(h("p", { class: "soft" }, t(analysis.label === "no_tumor" ? "measure.no_tumor" : "measure.nothing")));
    card.showArea = () => {};
    card.append(...[spacingLine(analysis, onSpacing)].flat().filter(Boolean));
    return card;
  }
  const known = analysis.spacing_mm !== null;
  const [largest] = regions;
  const area = row(
    t("measure.area"),
    { mm: totalArea(regions, "area_mm2"), px: totalArea(regions, "area_px") },
    known,
    true,
  );
  const interval = intervalRow(item, known);
  card.append(
    h(
      "table",
      { class: "sizes" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, t("measure.what"))),
          known && h("th", { scope: "col" }, t("measure.mm")),
          h("th", { scope: "col" }, t("measure.px")),
        ),
      ),
      h(
        "tbody",
        {},
        area.element,
        interval,
        LENGTHS.map(
          (one) => row(one.title, { mm: largest[one.mm] ?? null, px: largest[one.px] ?? null }, known).element,
        ),
        RATIOS.map((one) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, one.title),
            h("td", { colspan: known ? "2" : null, class: "strong" }, number(largest[one.mm], one.decimals)),
          ),
        ),
      ),
    ),
  );
  card.append(
    h(
      "p",
      { class: "soft small" },
      t(regions.length > 1 ? "measure.largest" : "measure.one", { count: regions.length }),
    ),
  );
  if (interval && item.analysis.area_interval.unsure) card.append(h("p", { class: "unsure" }, t("measure.unsure")));
  if (regions.length > 1) card.append(eachRegion(regions, known));
  card.append(...[spacingLine(analysis, onSpacing)].flat().filter(Boolean));
  const pixel = known ? analysis.spacing_mm[0] * analysis.spacing_mm[1] : null;
  card.showArea = (pixels) => {
    area.set({ mm: pixel && pixels * pixel, px: pixels });
    // It speaks of what the model draws, and not of a hand.
    interval?.remove();
  };
  return card;
}

function badge(item) {
  if (!item.corrected) return regionsOf(item).length ? h("span", { class: "badge" }, t("measure.model")) : null;
  const last = item.corrected.edits.at(-1);
  const by = last?.author ? t("measure.corrected.by", { author: last.author }) : t("measure.corrected");
  return h("span", { class: "badge edited", data: { edited: "true" } }, icon("edit"), by);
}

function row(name, { mm, px }, known, square = false) {
  const millimetres = h("td", { class: "strong" });
  const pixels = h("td", { class: known ? null : "strong" });
  const set = (values) => {
    millimetres.textContent = quantity(values.mm, t(square ? "unit.mm2" : "unit.mm"));
    pixels.textContent = quantity(values.px, t(square ? "unit.px2" : "unit.px"));
  };
  set({ mm, px });
  const element = h(
    "tr",
    { data: { row: square ? "area" : "" } },
    h("th", { scope: "row" }, name),
    known && millimetres,
    pixels,
  );
  return { element, set };
}

/** How far the model's area may be from the true one, where the model says so. */
function intervalRow(item, known) {
  const found = item.analysis.area_interval;
  if (!found || item.corrected) return null;
  const text = ([low, high], unit) => t("measure.range", { low: number(low, 0), high: quantity(high, t(unit), 0) });
  return h(
    "tr",
    { data: { row: "interval" }, title: t("measure.interval.text") },
    h("th", { scope: "row" }, t("measure.interval", { share: number(found.coverage * 100, 0) })),
    // One cell: a range in both units would make the table wider than its card.
    h("td", { colspan: known ? "2" : null }, known ? text(found.mm2, "unit.mm2") : text(found.px, "unit.px")),
  );
}

function eachRegion(regions, known) {
  const unit = known ? "mm" : "px";
  const cells = (one) => [
    quantity(known ? one.area_mm2 : one.area_px, t(known ? "unit.mm2" : "unit.px2")),
    quantity(one[`longest_diameter_${unit}`], t(`unit.${unit}`)),
  ];
  return h(
    "details",
    {},
    h("summary", {}, t("measure.each", { count: regions.length })),
    h(
      "table",
      { class: "sizes" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["measure.region", "measure.area", "measure.longest_diameter"].map((key) =>
            h("th", { scope: "col" }, t(key)),
          ),
        ),
      ),
      h(
        "tbody",
        {},
        regions.map((one, index) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, String(index + 1)),
            cells(one).map((text) => h("td", {}, text)),
          ),
        ),
      ),
    ),
  );
}

function spacingLine(analysis, onSpacing) {
  const { spacing_mm: spacing, spacing_source: source } = analysis;
  if (spacing) {
    const values = { row: number(spacing[0], 3), col: number(spacing[1], 3), source: t(`spacing.${source}`) };
    return h("p", { class: "soft small" }, t("spacing.known", values));
  }
  const line = h("p", { class: "soft small" }, t("spacing.unknown"));
  if (!onSpacing) return [line, h("p", { class: "soft small" }, t("spacing.gone"))];
  return [line, spacingForm(onSpacing)];
}

function spacingForm(onSpacing) {
  const field = (label) =>
    h("input", {
      type: "number",
      min: "0.001",
      max: "100",
      step: "any",
      required: true,
      "aria-label": label,
      placeholder: label,
    });
  const [row, col] = [field(t("spacing.row")), field(t("spacing.col"))];
  const status = h("span", { role: "status", class: "small" });
  return h(
    "details",
    { class: "spacing" },
    h("summary", {}, t("spacing.set")),
    h(
      "form",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          status.textContent = t("spacing.working");
          try {
            await onSpacing(Number(row.value), Number(col.value));
          } catch (problem) {
            status.textContent = problem.message;
          }
        },
      },
      row,
      h("span", { "aria-hidden": "true" }, "\u00d7"),
      col,
      h("span", {}, t("unit.mm")),
      h("button", { class: "button small" }, t("spacing.apply")),
      status,
    ),
  );
}
