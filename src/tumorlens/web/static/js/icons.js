// Line icons on a 24 px grid, drawn here so that the page asks nobody else for them.

const PATHS = {
  add: "M12 5v14M5 12h14",
  back: "M19 12H5m6-6-6 6 6 6",
  brush: "M20 4c-6 2-9.5 5.5-11 9m0 0c-3 0-3.5 2-3.5 3.5S5 19 4 19.5c3 1.5 8 .5 8-3.5 0-1.5-1.2-3-3-3z",
  check: "M5 12.5 10 17 19 7",
  clear: "M4 17 17 4l3 3L7 20M4 4l16 16",
  close: "M6 6l12 12M18 6 6 18",
  compare: "M4 5h7v14H4zM13 5h7v14h-7z",
  contrast: "M12 4a8 8 0 1 0 0 16zm0 0a8 8 0 0 1 0 16",
  down: "M12 4v11m-5-5 5 5 5-5M5 20h14",
  edit: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  eraser: "M9 19h11M5.5 13.5l8-8a1.5 1.5 0 0 1 2 0l3.5 3.5a1.5 1.5 0 0 1 0 2l-8 8H9l-3.5-3.5a1.5 1.5 0 0 1 0-2z",
  fit: "M4 9V4h5m6 0h5v5m0 6v5h-5m-6 0H4v-5",
  hand:
    "M8 12V6.5a1.5 1.5 0 0 1 3 0V11m0-5.5a1.5 1.5 0 0 1 3 0V11m0-3.5a1.5 1.5 0 0 1 3 0V12m0-2a1.5 " +
    "1.5 0 0 1 3 0v4c0 4-2.5 6.5-6 6.5-3 0-4.5-1.5-6-4L4.5 14a1.5 1.5 0 0 1 2.3-1.8L8 13.5",
  help: "M9.5 9.2a2.6 2.6 0 1 1 3.7 2.4c-.8.4-1.2 1-1.2 1.9M12 17v.2M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z",
  info: "M12 11v5.5M12 7.5v.2M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z",
  invert: "M5 5h14v14H5zM5 19 19 5M9.5 19H19V9.5z",
  list: "M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01",
  minus: "M5 12h14",
  moon: "M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5z",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17M15.5 9.5h.01",
  redo: "M15 6l4 4-4 4m4-4H10a5 5 0 0 0 0 10h3",
  reset: "M5 5v5h5M5.5 10A7.5 7.5 0 1 1 4.5 13.5",
  ruler: "M4 16 16 4l4 4L8 20zM8 12l2 2m1-5 2 2m1-5 2 2",
  search: "M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zm4.5 10.5L20 20",
  side: "M4 5h16v14H4zM12 5v14",
  single: "M4 5h16v14H4z",
  sun:
    "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2m0 15v2M2.5 12h2m15 0h2M5.3 5.3l1.4 1.4m10.6 10.6 1.4 1.4m0-13.4-1.4" +
    " 1.4M6.7 17.3l-1.4 1.4",
  swap: "M7 7h12l-3-3M17 17H5l3 3",
  swipe: "M12 3.5v17M8 9l-3 3 3 3m8-6 3 3-3 3",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13M10.5 11v5.5m3-5.5v5.5",
  undo: "M9 6l-4 4 4 4m-4-4h9a5 5 0 0 1 0 10h-3",
  up: "M12 19V6m-6 6 6-6 6 6",
  warning: "M12 4 2.8 19.5h18.4zM12 10v4.5m0 2.5v.2",
};

const SVG = "http://www.w3.org/2000/svg";

export function icon(name, extra = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon ${extra}`.trim());
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
