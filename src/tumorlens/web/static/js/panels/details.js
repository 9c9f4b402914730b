// Below the measurements: downloads, the note, and where the answer comes from.

import * as api from "../api.js";
import { h, replace } from "../dom.js";
import { number, percent, when } from "../format.js";
import { icon } from "../icons.js";
import * as session from "../session.js";
import { t } from "../strings.js";

const NOTE_WAIT_MS = 600;

function download(href, name, label) {
  return href && h("a", { class: "button", href, download: name }, icon("down"), label);
}

const stem = (name) => name.replace(/^.*[\\/]/, "").replace(/(\.nii)?\.[a-z0-9]+$/i, "") || "scan";

export function downloadsCard(item) {
  const { links, corrected, volume } = item;
  const base = stem(item.name) + (volume ? `.slice${volume.slice + 1}` : "");
  const hasMask = Boolean(corrected ? corrected.regions.length : item.analysis.mask);
  const isVolume = item.analysis.source.format === "nifti" && hasMask;
  return h(
    "section",
    { class: "card downloads", "aria-label": t("download.title") },
    h("h2", {}, t("download.title")),
    h(
      "div",
      { class: "buttons" },
      download(links.overlay ?? `${links.self}/overlay.png`, `${base}.overlay.png`, t("download.overlay")),
      download(hasMask && (links.mask ?? `${links.self}/mask.png`), `${base}.mask.png`, t("download.mask")),
      download(isVolume && (links.nifti ?? `${links.self}/mask.nii.gz`), `${base}.mask.nii.gz`, t("download.nifti")),
      download(links.json ?? `${links.self}/analysis.json`, `${base}.json`, t("download.json")),
      corrected && correctionButton(item, base),
      download(api.csvOf([item.id]), `${base}.csv`, t("download.csv")),
      download(links.report, `${base}.report.html`, t("download.report")),
      h(
        "a",
        { class: "button", href: links.report, target: "_blank", rel: "noopener" },
        icon("list"),
        t("download.open"),
      ),
    ),
    h("p", { class: "soft small" }, t("download.hint")),
  );
}

/** The answer with the corrected outline and who changed what, as the server holds it. */
function correctionButton(item, base) {
  return h(
    "button",
    {
      type: "button",
      class: "button",
      onclick: async () => {
        const now = await api.item(item.id);
        const text = JSON.stringify({ analysis: now.analysis, corrected: now.corrected }, null, 2);
        const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
        h("a", { href, download: `${base}.corrected.json` }).click();
        setTimeout(() => URL.revokeObjectURL(href), 1000);
      },
    },
    icon("down"),
    t("download.corrected"),
  );
}

/** With a store: a note that is kept with the analysis. */
export function noteCard(entry) {
  const status = h("span", { class: "soft small", role: "status" });
  let timer = 0;
  const save = async () => {
    clearTimeout(timer);
    if (field.value === entry.item.note) return;
    try {
      session.apply(entry, await api.setNote(entry.item.id, field.value));
      replace(status, t("note.saved"));
    } catch (problem) {
      replace(status, problem.message);
    }
  };
  const field = h("textarea", {
    rows: "3",
    "aria-label": t("note.title"),
    placeholder: t("note.hint"),
    value: entry.item.note ?? "",
    onchange: save,
    oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(save, NOTE_WAIT_MS);
    },
  });
  return h(
    "section",
    { class: "card", "aria-label": t("note.title") },
    h("div", { class: "card-head" }, h("h2", {}, t("note.title")), status),
    field,
  );
}

const look = ({ sequence, stripped }) =>
  t(stripped ? "look.stripped" : "look.whole", { sequence: t(`look.${sequence}`) });

export function aboutCard(item) {
  const { analysis, corrected } = item;
  const seconds = Object.values(analysis.timings_s).reduce((sum, one) => sum + one, 0);
  const rows = [
    [t("about.file"), item.name],
    [t("about.format"), `${analysis.source.format.toUpperCase()}, ${analysis.shape[1]} \u00d7 ${analysis.shape[0]}`],
    item.volume && [t("about.slice"), t("slice.of", { slice: item.volume.slice + 1, slices: item.volume.slices })],
    [t("about.when"), when(item.created)],
    [t("about.time"), `${number(seconds * 1000, 0)} ms`],
    analysis.gate_score !== null && [t("about.score"), percent(analysis.gate_score)],
    analysis.findings && [t("about.look"), look(analysis.findings.looks_like)],
    ...analysis.models.map((one) => [t(`about.${one.task}`), one.id]),
    [t("about.digest"), `${analysis.source.sha256.slice(0, 16)}\u2026`],
    [t("about.version"), `tumorlens ${analysis.tumorlens}`],
  ].filter(Boolean);
  return h(
    "details",
    { class: "card about" },
    h("summary", {}, h("h2", {}, t("about.title"))),
    h(
      "dl",
      {},
      rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    ),
    corrected && h("h3", {}, t("about.edits")),
    corrected &&
      h(
        "ol",
        { class: "edits" },
        corrected.edits.map((one) =>
          h(
            "li",
            {},
            t("about.edit", {
              when: when(one.at),
              author: one.author || t("about.nobody"),
              action: t(`action.${one.action}`),
              pixels: one.pixels,
            }),
          ),
        ),
      ),
  );
}
