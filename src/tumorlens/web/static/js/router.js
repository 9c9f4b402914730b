// Addresses within the page: #/, #/scan/KEY, #/scans, #/compare/KEY/KEY. Back and forward work as everywhere.

let routes = [];
let leave = null;
let outlet = null;
let onRoute = () => {};

/** `routes`: [pattern, page]; a page is called with (outlet, ...parameters) and gives a function to leave it. */
export function start(element, given, callback) {
  outlet = element;
  routes = given;
  onRoute = callback;
  addEventListener("hashchange", () => render(true));
  render(false);
}

export const go = (path) => (location.hash = `#${path}`);

/** Another address for what is shown already: no new page, no new step back. */
export function rename(path) {
  history.replaceState(null, "", `#${path}`);
  onRoute(path);
}

/** Another page in this one's place in the history. */
export function swap(path) {
  history.replaceState(null, "", `#${path}`);
  render(false);
}

export const path = () => location.hash.slice(1) || "/";

function render(moveFocus) {
  leave?.();
  leave = null;
  const here = path();
  for (const [pattern, page] of routes) {
    const match = pattern.exec(here);
    if (!match) continue;
    outlet.replaceChildren();
    outlet.scrollTop = 0;
    leave = page(outlet, ...match.slice(1).map(decodeURIComponent));
    break;
  }
  onRoute(here);
  if (moveFocus) outlet.querySelector("h1")?.focus({ preventScroll: true });
}
