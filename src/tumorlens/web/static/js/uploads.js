// Files on their way to the server, a few at once, each with its own progress.

import * as api from "./api.js";
import * as session from "./session.js";
import { bytes } from "./format.js";
import { unique } from "./dom.js";
import { t } from "./strings.js";

const AT_ONCE = 3;
const SHOWN_BY_BROWSERS = /^image\/(png|jpeg|bmp|webp)$/;

let limits = { max_file_bytes: 200e6 };
let sending = 0;
let pausedUntil = 0;

export const setLimits = (given) => (limits = given);

/** Add files to the session; gives their entries, the first of which the page then shows. */
export function add(files, options = {}) {
  const batch = [...files].map((file) =>
    session.make({
      key: unique("file"),
      name: file.name,
      file,
      options,
      thumb: SHOWN_BY_BROWSERS.test(file.type) ? URL.createObjectURL(file) : null,
    }),
  );
  if (!batch.length) return [];
  session.insert(batch);
  for (const entry of batch) {
    if (entry.file.size > limits.max_file_bytes) session.fail(entry, tooLarge(entry.file));
    else if (entry.file.size === 0) session.fail(entry, new api.Problem({ detail: t("error.empty") }));
  }
  pump();
  return batch;
}

function tooLarge(file) {
  const values = { size: bytes(file.size), limit: bytes(limits.max_file_bytes) };
  return new api.Problem({ title: t("error.large.title"), detail: t("error.large", values) });
}

function pump() {
  const wait = pausedUntil - Date.now();
  if (wait > 0) return void setTimeout(pump, wait + 5);
  for (const entry of session.all().filter((one) => one.phase === "waiting")) {
    if (sending >= AT_ONCE) return;
    send(entry);
  }
}

async function send(entry) {
  sending += 1;
  entry.phase = "sending";
  session.changed(entry);
  const { promise, abort } = api.upload(entry.file, {
    ...entry.options,
    onProgress: (share) => {
      entry.progress = share;
      session.changed(entry);
    },
  });
  entry.abort = abort;
  try {
    received(entry, await promise);
  } catch (problem) {
    failed(entry, problem);
  } finally {
    entry.abort = null;
    sending -= 1;
    pump();
  }
}

function received(entry, { analyses, rejected }) {
  const refused = rejected.map(({ name, problem }) =>
    session.make({ key: unique("file"), name, phase: "failed", problem: new api.Problem(problem) }),
  );
  if (entry.phase === "cancelled") return void analyses.forEach((one) => api.forget(one.id).catch(() => {}));
  const more = analyses.slice(1).map((item) => [session.make({ name: item.name }), item]);
  if (more.length || refused.length) {
    // An archive became many scans; they take its place, and none keeps the archive as its file.
    entry.file = null;
    const list = session.all();
    session.insert([...more.map(([one]) => one), ...refused], list[list.indexOf(entry) + 1] ?? null);
  }
  session.apply(entry, analyses[0]);
  for (const [one, item] of more) session.apply(one, item);
}

function failed(entry, problem) {
  if (entry.phase === "cancelled" || problem.name === "AbortError") return;
  if (problem.status === 429) {
    pausedUntil = Date.now() + 1000 * (problem.retryAfter ?? 1);
    entry.phase = "waiting";
    entry.progress = 0;
    session.changed(entry);
    return;
  }
  if (problem.status === 401) document.dispatchEvent(new CustomEvent("tumorlens:token"));
  session.fail(entry, problem);
}

/** Analyze an entry's file again, with other options; resolves with the new item when the server has taken it. */
export async function again(entry, options) {
  const { analyses } = await api.upload(entry.file, { ...entry.options, ...options }).promise;
  return analyses[0];
}

/** The files of a drop, folders opened. */
export async function filesOfDrop(transfer) {
  const roots = [...transfer.items].map((one) => one.webkitGetAsEntry?.()).filter(Boolean);
  if (!roots.some((one) => one.isDirectory)) return [...transfer.files];
  const files = [];
  for (const root of roots) await collect(root, files);
  return files;
}

async function collect(node, files) {
  if (node.isFile) {
    files.push(await new Promise((resolve, reject) => node.file(resolve, reject)));
    return;
  }
  const reader = node.createReader();
  for (;;) {
    // A reader gives at most 100 entries a call.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const one of some) await collect(one, files);
  }
}
