// The small picture of an entry: the server's when the scan is read, the browser's own until then.

import { h } from "../dom.js";
import { icon } from "../icons.js";

export function thumbnail(host, entry) {
  const source = entry.phase === "failed" ? null : (entry.phase === "done" && entry.item.links.image) || entry.thumb;
  const wanted = source || (entry.phase === "failed" ? "warning" : "picture");
  if (host.dataset.shows === wanted) return host;
  host.dataset.shows = wanted;
  const blank = () => host.replaceChildren(icon(entry.phase === "failed" ? "warning" : "picture"));
  if (!source) blank();
  else host.replaceChildren(h("img", { src: source, alt: "", loading: "lazy", decoding: "async", onerror: blank }));
  return host;
}
