// The page's frame: header, notice, the list of scans, and the page that the address names.

import * as api from "./api.js";
import { askToken, showHelp } from "./dialog.js";
import { h } from "./dom.js";
import * as files from "./files.js";
import { icon } from "./icons.js";
import { comparePage } from "./pages/compare.js";
import { homePage } from "./pages/home.js";
import { scanPage } from "./pages/scan.js";
import { scansPage } from "./pages/scans.js";
import { Rail } from "./panels/rail.js";
import * as router from "./router.js";
import * as session from "./session.js";
import { t } from "./strings.js";
import { isDark, toggleTheme } from "./theme.js";
import { setLimits } from "./uploads.js";
import { iconButton } from "./viewer/controls.js";

const context = { limits: { max_file_bytes: 200e6, max_files: 200, store: false, notice: t("notice") } };

function header() {
  const theme = iconButton(
    "moon",
    "",
    () => {
      toggleTheme();
      show();
    },
    { class: "tool plain" },
  );
  const show = () => {
    const label = t(isDark() ? "theme.light" : "theme.dark");
    theme.replaceChildren(icon(isDark() ? "sun" : "moon"));
    theme.title = label;
    theme.setAttribute("aria-label", label);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
  return h(
    "header",
    { class: "top" },
    h(
      "a",
      {
        class: "skip",
        href: "#main",
        onclick: (event) => {
          event.preventDefault();
          document.querySelector("main h1, main .stage-surface")?.focus();
        },
      },
      t("skip"),
    ),
    h(
      "a",
      { class: "brand", href: "#/" },
      h("img", { src: "/static/favicon.svg", alt: "", width: "28", height: "28" }),
      h("span", {}, t("brand")),
    ),
    h("p", { class: "notice", role: "note" }, icon("warning"), h("span", {}, context.limits.notice)),
    h(
      "div",
      { class: "actions" },
      h(
        "button",
        { type: "button", class: "button primary small", "aria-label": t("add.scans"), onclick: files.choose },
        icon("add"),
        h("span", {}, t("add.scans")),
      ),
      h(
        "a",
        { class: "button small", href: "#/scans", "aria-label": t("scans.title") },
        icon("list"),
        h("span", {}, t("scans.title")),
      ),
      iconButton("help", t("help.title"), showHelp, { class: "tool plain" }),
      theme,
    ),
  );
}

function announce(spoken) {
  return (entry) => {
    if (!entry || session.isActive(entry)) return;
    if (entry.phase === "failed" && entry.spoken !== "failed")
      spoken.textContent = t("spoken.failed", { name: entry.name });
    if (entry.phase === "done" && entry.spoken !== "done")
      spoken.textContent = t("answer.spoken", { name: entry.name, message: entry.item.analysis.message });
    entry.spoken = entry.phase;
  };
}

async function start() {
  document.addEventListener("tumorlens:token", askToken);
  let trouble = null;
  try {
    context.limits = { ...context.limits, ...(await api.limits()) };
    setLimits(context.limits);
    await session.restore();
  } catch (problem) {
    trouble = problem;
  }
  const rail = new Rail();
  const main = h("main", { id: "main" });
  const spoken = h("div", { class: "visually-hidden", role: "status" });
  const body = h("div", { class: "body" }, rail.element, main);
  document.getElementById("app").replaceChildren(header(), body, spoken);
  const arrange = () => body.classList.toggle("with-rail", session.all().length > 0);
  session.subscribe(announce(spoken));
  session.subscribe(arrange);
  files.listen((entry) => router.go(`/scan/${entry.key}`));
  session.changed();
  router.start(
    main,
    [
      [/^\/scan\/([^/]+)$/, scanPage(context)],
      [/^\/compare\/([^/]*)\/([^/]*)$/, comparePage(context)],
      [/^\/scans$/, scansPage(context)],
      [/^/, homePage(context)],
    ],
    (path) => {
      rail.select(/^\/scan\/(.+)$/.exec(path)?.[1] ?? null);
      body.classList.toggle("comparing", path.startsWith("/compare/"));
    },
  );
  if (trouble && trouble.status !== 401)
    main.prepend(h("p", { class: "banner", role: "alert" }, icon("warning"), trouble.message));
}

start();
