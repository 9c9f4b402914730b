// What this browser session holds: one entry per scan, from "waiting" to "done". Only ids survive a reload.

import * as api from "./api.js";
import { t } from "./strings.js";

const KEY = "tumorlens.session";
const POLL_MS = [30, 25, 25, 25, 25, 30, 40, 60, 100, 200, 400, 800, 1000];
const POLL_IDS = 50;
const PENDING = new Set(["queued", "running"]);

const entries = [];
const listeners = new Set();
let polls = 0;
let timer = 0;

/** Listen to changes: called with (entry, oldKey), entry being null where the list itself changed. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const all = () => entries;
/** The entry of a key; also of the one it had before the server named it, for an address may be late. */
export const find = (key) => entries.find((one) => one.key === key || one.formerKey === key);
/** Whether the models read a scan: it is done, and the gate did not refuse it. */
export const isRead = (entry) => entry.phase === "done" && entry.item.analysis.status !== "refused";
export const finished = () => entries.filter(isRead);
export const isActive = (entry) => ["waiting", "sending", "queued", "running"].includes(entry.phase);

export function changed(entry = null, oldKey = null) {
  for (const listener of [...listeners]) listener(entry, oldKey);
}

/** A new entry; its phase is waiting, sending, queued, running, done, failed or cancelled. */
export function make(fields) {
  return {
    key: "",
    formerKey: null,
    name: "",
    file: null,
    thumb: null,
    phase: "waiting",
    progress: 0,
    problem: null,
    item: null,
    ...fields,
  };
}

export function insert(batch, before = entries[0]) {
  const at = before ? entries.indexOf(before) : entries.length;
  entries.splice(at, 0, ...batch);
  changed();
}

/** Take over what the server says about an entry. */
export function apply(entry, item) {
  const oldKey = entry.key;
  if (oldKey !== item.id) entry.formerKey = oldKey;
  entry.key = item.id;
  entry.item = item;
  entry.name = item.name || entry.name;
  entry.phase = item.status;
  entry.problem = item.error ? new api.Problem(item.error) : null;
  if (item.status === "done" && entry.thumb) {
    URL.revokeObjectURL(entry.thumb);
    entry.thumb = null;
  }
  if (oldKey !== entry.key) save();
  changed(entry, oldKey !== entry.key ? oldKey : null);
  if (PENDING.has(item.status)) watch();
}

/** An entry for an item that the server holds; the one there is, if there is one. */
export function adopt(item) {
  const known = find(item.id);
  if (known) return known;
  const entry = make({ key: item.id, name: item.name });
  insert([entry]);
  apply(entry, item);
  save();
  return entry;
}

export function fail(entry, problem) {
  entry.phase = "failed";
  entry.problem = problem;
  changed(entry);
}

/** Drop an entry here and on the server; what still runs is cancelled. */
export async function remove(entry) {
  entry.abort?.();
  const at = entries.indexOf(entry);
  if (at >= 0) entries.splice(at, 1);
  if (entry.thumb) URL.revokeObjectURL(entry.thumb);
  save();
  changed();
  if (entry.item) await api.forget(entry.item.id).catch(ignoreMissing);
}

/** Stop an entry that is not finished, and keep it in the list as cancelled. */
export async function cancel(entry) {
  if (!isActive(entry)) return;
  entry.phase = "cancelled";
  entry.abort?.();
  changed(entry);
  if (entry.item) await api.forget(entry.item.id).catch(ignoreMissing);
  save();
}

function ignoreMissing(problem) {
  if (problem.status !== 404) throw problem;
}

function save() {
  const ids = entries.filter((one) => one.item && one.phase !== "cancelled").map((one) => one.item.id);
  try {
    sessionStorage.setItem(KEY, JSON.stringify(ids));
  } catch {
    // Storage is forbidden: a reload then starts anew.
  }
}

/** After a reload: ask the server for the ids of this session. */
export async function restore() {
  let ids = [];
  try {
    ids = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  } catch {
    return;
  }
  for (let at = 0; at < ids.length; at += POLL_IDS) {
    const { analyses } = await api.many(ids.slice(at, at + POLL_IDS));
    const restored = analyses.map((item) => [make({ key: item.id, name: item.name }), item]);
    entries.push(...restored.map(([entry]) => entry));
    for (const [entry, item] of restored) apply(entry, item);
  }
  entries.sort((one, two) => ids.indexOf(one.key) - ids.indexOf(two.key));
  changed();
}

/** Poll what is not finished: quickly at first, since most scans take less than a tenth of a second. */
function watch() {
  polls = 0;
  if (!timer) timer = setTimeout(poll, POLL_MS[0]);
}

async function poll() {
  const pending = entries.filter((one) => PENDING.has(one.phase));
  try {
    for (let at = 0; at < pending.length; at += POLL_IDS) await ask(pending.slice(at, at + POLL_IDS));
  } catch (problem) {
    if (problem.status === 401) return void (timer = 0);
  }
  const again = entries.some((one) => PENDING.has(one.phase));
  polls += 1;
  timer = again ? setTimeout(poll, POLL_MS[Math.min(polls, POLL_MS.length - 1)]) : 0;
}

async function ask(some) {
  const { analyses } = await api.many(some.map((one) => one.key));
  const answers = new Map(analyses.map((item) => [item.id, item]));
  for (const entry of some) {
    const item = answers.get(entry.key);
    if (!PENDING.has(entry.phase)) continue;
    if (!item) fail(entry, new api.Problem({ title: t("error.gone.title"), detail: t("error.gone") }));
    else if (item.status !== entry.phase || item.position !== entry.item.position) apply(entry, item);
  }
}
