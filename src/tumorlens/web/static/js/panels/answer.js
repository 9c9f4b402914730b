// The answer first: class, confidence, probabilities, and what to know before trusting it.

import { h } from "../dom.js";
import { className, percent } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../strings.js";

export function answerCard(item) {
  const { analysis } = item;
  // What was not found is no good news, and what is unlike all known scans no news: both are as plain as the rest.
  const unlike = analysis.findings?.unlike.flagged ?? false;
  const found = analysis.label !== "no_tumor" && !unlike;
  return h(
    "section",
    { class: `card answer ${found ? "found" : ""}`.trim(), "aria-label": t("answer.label") },
    h("h1", { tabindex: "-1" }, analysis.message),
    !unlike &&
      h(
        "div",
        { class: "confidence" },
        h("span", {}, t("answer.confidence")),
        h("strong", {}, percent(analysis.confidence)),
        bar(analysis.confidence, t("answer.confidence"), "thick"),
      ),
    h("h2", { class: "minor" }, t(unlike ? "answer.void" : "answer.probabilities")),
    h(
      "ul",
      { class: "probabilities" },
      Object.entries(analysis.probabilities).map(([label, value]) =>
        h(
          "li",
          { class: label === analysis.label && !unlike ? "leads" : null },
          h("span", {}, className(label)),
          bar(value, className(label)),
          h("span", { class: "value" }, percent(value)),
        ),
      ),
    ),
    tumor(analysis),
    trust(analysis),
  );
}

/** What a reader says of tumor and kind apart. */
function tumor({ findings }) {
  if (!findings) return null;
  const kinds = Object.entries(findings.kind_probabilities);
  return h(
    "p",
    { class: "soft small given" },
    `${t("answer.tumor")} ${percent(findings.tumor_probability)}. ${t("answer.given")}: `,
    kinds.map(([label, value]) => `${className(label).toLowerCase()} ${percent(value)}`).join(", "),
    ".",
  );
}

function bar(value, label, extra = "") {
  const width = `${Math.max(0, Math.min(1, value)) * 100}%`;
  return h(
    "span",
    {
      class: `meter ${extra}`,
      role: "meter",
      "aria-label": label,
      "aria-valuemin": "0",
      "aria-valuemax": "100",
      "aria-valuenow": String(Math.round(value * 1000) / 10),
      "aria-valuetext": percent(value),
    },
    h("i", { style: { width } }),
  );
}

/** What to know before trusting the answer: which classes remain possible, and warnings. */
function trust(analysis) {
  const messages = analysis.warnings.map((text) => ["warning", text]);
  // What the gate said comes first, for it is about whether there is anything to read at all.
  if (analysis.trust) messages.splice(analysis.reason ? 1 : 0, 0, ["warning", analysis.trust]);
  if (analysis.label === "no_tumor") messages.push(["info", t("answer.none")]);
  if (analysis.looked_for) messages.push(["info", analysis.looked_for]);
  if (!messages.length) return null;
  return h(
    "ul",
    { class: "messages" },
    messages.map(([kind, text]) => h("li", { class: kind }, icon(kind), h("span", {}, text))),
  );
}
