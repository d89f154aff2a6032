// Small helpers for building elements. Text is only ever set as text, never parsed as HTML.

let ids = 0;

/** An id that is unique within the page, for `aria-labelledby` and its kin. */
export const newId = (name) => `pm-${name}-${++ids}`;

/**
 * An element with attributes and children.
 * `on…` attributes are listeners; `false`, `null` and `undefined` leave an attribute or a child out.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(2).filter((child) => child !== false && child !== null && child !== undefined));
  return element;
}

/** Text that is read aloud but not shown. */
export const spoken = (text) => h("span", { class: "spoken" }, text);

/** A drawing that says nothing to a screen reader. */
export function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 20 20", "aria-hidden": "true", class: "icon" })) {
    svg.setAttribute(name, value);
  }
  const line = document.createElementNS(svg.namespaceURI, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export const CHECK = "M4.5 10.5l3.6 3.6 7.4-8";
export const CROSS = "M5 5l10 10M15 5L5 15";
export const DASH = "M6 10h8";
export const STAR = "M10 2.5l2.3 4.8 5.2.7-3.8 3.6.9 5.2-4.6-2.5-4.6 2.5.9-5.2L2.5 8l5.2-.7z";

/** Move the focus to something that is not a control, such as a heading. */
export function focusOn(element) {
  element.tabIndex = -1;
  element.focus();
}
