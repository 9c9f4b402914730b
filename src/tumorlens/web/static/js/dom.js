// Elements from JavaScript. Text always goes through text nodes, so a file name can never become markup.

/**
 * An element: properties that start with "on" are listeners, `style` and `data` are objects, the rest are attributes;
 * an attribute of null, undefined or false is left out.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...flat(children));
  return element;
}

export function replace(parent, ...children) {
  parent.replaceChildren(...flat(children));
  return parent;
}

function flat(children) {
  return children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false);
}

/** A number that differs at every call, for ids that labels refer to. */
export function unique(prefix) {
  unique.count = (unique.count ?? 0) + 1;
  return `${prefix}-${unique.count}`;
}
