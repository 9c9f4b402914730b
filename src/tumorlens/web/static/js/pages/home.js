// The way in: drop, choose, or take a phantom.

import * as api from "../api.js";
import { h } from "../dom.js";
import { bytes, className } from "../format.js";
import { choose, options } from "../files.js";
import { icon } from "../icons.js";
import { go } from "../router.js";
import * as session from "../session.js";
import { t } from "../strings.js";

let known = null;

export const homePage = (context) => (outlet) => {
  const { limits } = context;
  document.title = t("title");
  const phantoms = h("div", { class: "phantoms" });
  outlet.append(
    h(
      "div",
      { class: "home" },
      h(
        "section",
        { class: "hero" },
        h("h1", { tabindex: "-1" }, t("home.title")),
        h("p", { class: "lead" }, t("home.lead")),
        h(
          "div",
          { class: "drop-zone" },
          icon("up", "big"),
          h("p", {}, h("strong", {}, t("home.drop"))),
          h("button", { type: "button", class: "button primary", onclick: choose }, t("add.choose")),
          h("p", { class: "soft small" }, t("home.formats", { size: bytes(limits.max_file_bytes) })),
        ),
        spacingOption(),
        gateOption(),
        h("p", { class: "privacy" }, icon("info"), h("span", {}, t(limits.store ? "store.on" : "store.off"))),
      ),
      h(
        "section",
        { class: "examples", "aria-labelledby": "examples-title" },
        h("h2", { id: "examples-title" }, t("examples.title")),
        h("p", { class: "soft" }, t("examples.lead")),
        phantoms,
      ),
    ),
  );
  showExamples(phantoms);
  return null;
};

async function showExamples(host) {
  try {
    known ??= (await api.examples()).examples;
  } catch (problem) {
    return void host.append(h("p", { class: "soft" }, problem.message));
  }
  host.replaceChildren(
    ...known.map((one) =>
      h(
        "button",
        { type: "button", class: "phantom", onclick: () => run(one) },
        h("img", { src: one.thumbnail, alt: "", width: "256", height: "256" }),
        h("span", { class: "name" }, className(one.label)),
        h("span", { class: "soft small" }, t("examples.one")),
      ),
    ),
  );
}

async function run({ name, title }) {
  const entry = session.make({ key: `example-${name}-${Date.now()}`, name: title, phase: "queued" });
  session.insert([entry]);
  go(`/scan/${entry.key}`);
  try {
    const { analyses } = await api.postExample(name);
    session.apply(entry, analyses[0]);
  } catch (problem) {
    session.fail(entry, problem);
  }
}

/** Lets files in that the gate would refuse; it holds for the files added next. */
function gateOption() {
  const box = h("input", {
    type: "checkbox",
    checked: !options.gate,
    onchange: () => (options.gate = !box.checked),
  });
  return h("label", { class: "gate-option" }, box, h("span", {}, t("gate.option")));
}

/** Millimetres per pixel for files that state none; they hold for the files added next. */
function spacingOption() {
  const field = (label, at) =>
    h("input", {
      type: "number",
      min: "0.001",
      max: "100",
      step: "any",
      "aria-label": label,
      placeholder: label,
      value: options.spacing?.[at] ?? "",
      oninput: () => {
        const values = fields.map((one) => Number(one.value));
        options.spacing = values.every((one) => one > 0) ? values : null;
      },
    });
  const fields = [field(t("spacing.row"), 0), field(t("spacing.col"), 1)];
  return h(
    "details",
    { class: "spacing-option", open: Boolean(options.spacing) },
    h("summary", {}, t("spacing.option")),
    h("p", { class: "soft small" }, t("spacing.option.text")),
    h(
      "div",
      { class: "inline-form" },
      fields[0],
      h("span", { "aria-hidden": "true" }, "\u00d7"),
      fields[1],
      h("span", {}, t("unit.mm")),
    ),
  );
}
