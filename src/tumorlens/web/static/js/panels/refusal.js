// What the gate refused: the picture, why, and a button that reads it all the same.

import { h } from "../dom.js";
import { t } from "../strings.js";
import { sliceBar } from "../viewer/controls.js";

/** The card; `again(options)` analyzes the same file with other options. */
export function refusalCard(entry, again) {
  const { analysis, volume, links } = entry.item;
  const status = h("p", { class: "soft small", role: "status" });
  const attempt = async (options) => {
    read.disabled = true;
    status.textContent = t("gate.reading");
    try {
      await again(options);
    } catch (problem) {
      status.textContent = problem.message;
      read.disabled = false;
    }
  };
  const read = h(
    "button",
    { type: "button", class: "button primary", onclick: () => attempt({ gate: false }) },
    t("gate.read"),
  );
  const slices = volume?.slices > 1 ? sliceBar(volume, Boolean(entry.file), (slice) => attempt({ slice })) : null;
  return h(
    "section",
    { class: "card refusal", "aria-label": t("answer.label") },
    h(
      "div",
      { class: "frame" },
      h("img", { src: links.image, alt: t("gate.picture", { name: entry.name }), decoding: "async" }),
      slices,
    ),
    h(
      "div",
      { class: "refusal-text" },
      h("h1", { tabindex: "-1" }, analysis.message),
      h("p", { class: "soft" }, analysis.reason),
      analysis.warnings.map((text) => h("p", { class: "soft small" }, text)),
      !entry.file && h("p", { class: "soft small" }, t("gate.gone")),
      h(
        "div",
        { class: "refusal-actions" },
        entry.file && read,
        h("a", { class: "button", href: "#/" }, t("add.other")),
      ),
      status,
    ),
  );
}
