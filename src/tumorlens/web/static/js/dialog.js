// Dialogs: a question, and the keys.

import { h } from "./dom.js";
import { t } from "./strings.js";

function open(dialog) {
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  return dialog;
}

/** Ask; resolves with whether the person agreed. */
export function confirm(question, agree) {
  return new Promise((resolve) => {
    const close = (answer) => () => {
      resolve(answer);
      dialog.close();
    };
    const dialog = h(
      "dialog",
      { class: "dialog", "aria-label": question, oncancel: () => resolve(false) },
      h("p", {}, question),
      h(
        "div",
        { class: "dialog-actions" },
        h("button", { type: "button", class: "button", onclick: close(false) }, t("dialog.cancel")),
        h("button", { type: "button", class: "button danger", onclick: close(true) }, agree),
      ),
    );
    open(dialog);
  });
}

/** Ask for the server's token; the server then sets its cookie. */
export function askToken() {
  if (document.querySelector("dialog.token")) return;
  const field = h("input", {
    type: "password",
    required: true,
    autocomplete: "current-password",
    "aria-label": t("token.label"),
  });
  const form = h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        location.assign(`/?token=${encodeURIComponent(field.value)}`);
      },
    },
    h("h2", {}, t("token.title")),
    h("p", {}, t("token.text")),
    field,
    h("div", { class: "dialog-actions" }, h("button", { class: "button primary" }, t("token.send"))),
  );
  open(h("dialog", { class: "dialog token", "aria-label": t("token.title") }, form));
}

/** The keys and gestures. */
export function showHelp() {
  const rows = t("help.rows")
    .split("\n")
    .map((line) => line.split("|"));
  const dialog = h(
    "dialog",
    { class: "dialog wide", "aria-label": t("help.title") },
    h("h2", {}, t("help.title")),
    h(
      "dl",
      { class: "keys" },
      rows.map(([keys, what]) => [
        h(
          "dt",
          {},
          keys.split("&").map((one) => h("kbd", {}, one.trim())),
        ),
        h("dd", {}, what),
      ]),
    ),
    h(
      "div",
      { class: "dialog-actions" },
      h(
        "button",
        { type: "button", class: "button primary", autofocus: true, onclick: () => dialog.close() },
        t("dialog.close"),
      ),
    ),
  );
  open(dialog);
}
