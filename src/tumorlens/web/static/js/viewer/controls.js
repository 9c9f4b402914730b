// The bars around the stage: what is shown and how, and the tools.

import { h, replace } from "../dom.js";
import { icon } from "../icons.js";
import { t } from "../strings.js";

const SHOWS = ["scan", "outline", "mask", "activation"];
const LAYOUTS = [
  ["single", "single"],
  ["side", "side"],
  ["swipe", "swipe"],
];
const TOOLS = [
  ["contrast", "contrast"],
  ["pan", "hand"],
  ["ruler", "ruler"],
];

/** A button with an icon and a name that screen readers and the tooltip give. */
export function iconButton(name, label, onclick, properties = {}) {
  return h(
    "button",
    { type: "button", class: "tool", title: label, "aria-label": label, onclick, ...properties },
    icon(name),
  );
}

/** Buttons of which one is pressed: gives the element and a function that shows the state. */
function choice(label, options, pick, extra = "") {
  const buttons = options.map(({ value, content, title }) =>
    h("button", { type: "button", title, "aria-label": title, onclick: () => pick(value), data: { value } }, content),
  );
  const element = h("div", { class: `segments ${extra}`.trim(), role: "group", "aria-label": label }, buttons);
  const sync = (chosen, enabled = () => true) => {
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.value === chosen));
      button.disabled = !enabled(button.dataset.value);
    }
  };
  return { element, sync };
}

/** What is shown, in how many panes, and how strongly. */
export function showBar(viewer, { layouts = true } = {}) {
  const shows = choice(
    t("viewer.show"),
    SHOWS.map((value) => ({ value, content: t(`show.${value}`), title: null })),
    (value) => {
      viewer.show = value;
      if (value === "scan") viewer.layout = "single";
      viewer.update();
    },
    "words",
  );
  const places = choice(
    t("viewer.layout"),
    LAYOUTS.map(([value, name]) => ({ value, content: icon(name), title: t(`layout.${value}`) })),
    (value) => {
      viewer.layout = value;
      if (value !== "single" && viewer.show === "scan")
        viewer.show = SHOWS.slice(1).find((one) => viewer.can(one)) ?? "scan";
      viewer.update();
    },
  );
  const range = h("input", {
    type: "range",
    min: "0",
    max: "100",
    "aria-label": t("viewer.opacity"),
    oninput: () => {
      viewer[strengthOf(viewer)] = Number(range.value) / 100;
      viewer.invalidate();
    },
  });
  const opacity = h("label", { class: "opacity" }, h("span", {}, t("viewer.opacity.short")), range);
  const sync = () => {
    shows.sync(viewer.show, (value) => Boolean(viewer.pixels) && viewer.can(value));
    places.sync(
      viewer.layout,
      (value) => value === "single" || SHOWS.slice(1).some((one) => viewer.pixels && viewer.can(one)),
    );
    range.value = String(Math.round(viewer[strengthOf(viewer)] * 100));
    opacity.classList.toggle("off", viewer.show === "scan" || viewer.show === "mask");
    range.disabled = viewer.show === "scan" || viewer.show === "mask";
  };
  return {
    element: h("div", { class: "bar bar-top" }, shows.element, layouts && opacity, layouts && places.element),
    sync,
  };
}

const strengthOf = (viewer) => (viewer.show === "activation" ? "heat" : "fill");

/** Contrast, pan, ruler; zoom, inversion, reset; and whatever the page adds at the end. */
export function toolBar(viewer, ...extra) {
  const tools = choice(
    t("viewer.tools"),
    TOOLS.map(([value, name]) => ({ value, content: icon(name), title: t(`tool.${value}`) })),
    (value) => {
      viewer.tool = value;
      viewer.update();
    },
  );
  const invert = iconButton("invert", t("tool.invert"), () => {
    viewer.inverted = !viewer.inverted;
    viewer.update("scan");
  });
  const clear = iconButton("clear", t("tool.clear"), () => {
    viewer.rulers = [];
    viewer.update();
  });
  const element = h(
    "div",
    { class: "bar bar-bottom", role: "toolbar", "aria-label": t("viewer.tools") },
    tools.element,
    h(
      "div",
      { class: "group" },
      iconButton("minus", t("tool.out"), () => viewer.interaction.zoom(0.8)),
      iconButton("fit", t("tool.fit"), () => viewer.interaction.zoom(0)),
      iconButton("add", t("tool.in"), () => viewer.interaction.zoom(1.25)),
    ),
    h(
      "div",
      { class: "group" },
      invert,
      iconButton("reset", t("tool.reset"), () => viewer.resetView()),
      clear,
    ),
    h("span", { class: "spring" }),
    extra,
  );
  const sync = () => {
    tools.sync(viewer.tool, () => Boolean(viewer.pixels));
    invert.setAttribute("aria-pressed", String(viewer.inverted));
    clear.disabled = !viewer.rulers.length;
    viewer.surface.dataset.tool = viewer.tool;
  };
  return { element, sync };
}

/** A volume's slice; `onpick(k)` is called when the slider is released. */
export function sliceBar({ slices, slice }, enabled, onpick) {
  const shown = h("output", {}, t("slice.of", { slice: slice + 1, slices }));
  const range = h("input", {
    type: "range",
    min: "0",
    max: String(slices - 1),
    value: String(slice),
    disabled: !enabled,
    "aria-label": t("slice.label"),
    oninput: () => replace(shown, t("slice.of", { slice: Number(range.value) + 1, slices })),
    onchange: () => onpick(Number(range.value)),
  });
  const hint = enabled ? null : h("span", { class: "hint" }, t("slice.gone"));
  return h("div", { class: "bar bar-slice" }, h("span", {}, t("slice.label")), range, shown, hint);
}
