// The server's answers. Every failure is a Problem (RFC 9457), with a sentence for people in `detail`.

import { t } from "./strings.js";

export const BASE = "/api/v1";
const HEADERS = { "X-Tumorlens": "1" };

export class Problem extends Error {
  constructor(document, retryAfter = null) {
    super(document.detail || document.title || t("error.unknown"));
    this.title = document.title || t("error.title");
    this.detail = document.detail || "";
    this.status = document.status ?? 0;
    this.retryAfter = retryAfter;
  }
}

export function unreachable() {
  return new Problem({ title: t("error.unreachable.title"), detail: t("error.unreachable") });
}

async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, {
      credentials: "same-origin",
      ...options,
      headers: { ...HEADERS, ...options.headers },
    });
  } catch {
    throw unreachable();
  }
  if (response.ok) return response;
  const problem = problemOf(response.status, await response.text(), response.headers.get("Retry-After"));
  if (problem.status === 401) document.dispatchEvent(new CustomEvent("tumorlens:token"));
  throw problem;
}

function problemOf(status, text, retryAfter) {
  let document = {};
  try {
    document = JSON.parse(text);
  } catch {
    document = { detail: t("error.status", { status }) };
  }
  return new Problem({ ...document, status }, Number(retryAfter) || null);
}

const json = async (path, options) => (await request(path, options)).json();

export const limits = () => json(`${BASE}/limits`);
export const examples = () => json(`${BASE}/examples`);
export const postExample = (name) => json(`${BASE}/examples/${encodeURIComponent(name)}`, { method: "POST" });
export const item = (id) => json(`${BASE}/analyses/${encodeURIComponent(id)}`);
export const forget = (id) => request(`${BASE}/analyses/${encodeURIComponent(id)}`, { method: "DELETE" });
export const deleteMask = (id) => request(`${BASE}/analyses/${encodeURIComponent(id)}/mask`, { method: "DELETE" });
export const bytesOf = (path) => request(path);

export function many(ids) {
  return json(`${BASE}/analyses?ids=${ids.map(encodeURIComponent).join(",")}`);
}

export function stored(query, limit, offset) {
  return json(`${BASE}/analyses?${new URLSearchParams({ q: query, limit, offset })}`);
}

export function putMask(id, png, author, action) {
  const headers = { "Content-Type": "image/png", "X-Action": action };
  if (author) headers["X-Author"] = encodeURIComponent(author);
  return json(`${BASE}/analyses/${encodeURIComponent(id)}/mask`, { method: "PUT", body: png, headers });
}

export function setNote(id, note) {
  return json(`${BASE}/analyses/${encodeURIComponent(id)}`, {
    method: "PATCH",
    body: JSON.stringify({ note }),
    headers: { "Content-Type": "application/json" },
  });
}

export const csvOf = (ids) => `${BASE}/analyses.csv?ids=${ids.map(encodeURIComponent).join(",")}`;

/**
 * Send one file; XMLHttpRequest, since fetch tells nothing of an upload's progress.
 * Gives {promise, abort}.
 */
export function upload(file, { spacing = null, slice = null, gate = true, onProgress }) {
  const form = new FormData();
  form.append("files", file, file.name);
  if (spacing) form.append("spacing", spacing.join(","));
  if (slice !== null) form.append("slice", String(slice));
  if (!gate) form.append("gate", "off");
  const xhr = new XMLHttpRequest();
  const promise = new Promise((resolve, reject) => {
    xhr.open("POST", `${BASE}/analyses`);
    for (const [name, value] of Object.entries(HEADERS)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    xhr.onerror = () => reject(unreachable());
    xhr.onabort = () => reject(new DOMException("aborted", "AbortError"));
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300) resolve(JSON.parse(xhr.responseText));
      else reject(problemOf(xhr.status, xhr.responseText, xhr.getResponseHeader("Retry-After")));
    };
    xhr.send(form);
  });
  return { promise, abort: () => xhr.abort() };
}
