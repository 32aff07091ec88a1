// Makes elements. Data is put in as text only: nothing here parses HTML.

import { clock, full, relative } from "./words.mjs";

/** An element. An attribute `--name` becomes a property for the style sheet; attributes and children that are null are left out. */
export function h(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value == null) continue;
    if (key.startsWith("--")) made.style.setProperty(key, value);
    else made.setAttribute(key, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child != null && child !== ""));
  return made;
}

/** Replaces the content of `target` unless it is the same: so selections stay, and screen readers stay quiet. */
export function fill(target, ...children) {
  const next = h("div", {}, children);
  const same = next.childNodes.length === target.childNodes.length
    && [...next.childNodes].every((child, index) => child.isEqualNode(target.childNodes[index]));
  if (!same) target.replaceChildren(...next.childNodes);
}

/** A time as the time of day. */
export const at = (iso, now) => h("time", { datetime: iso, title: full(iso) }, clock(iso, now));

/** A time as seen from now; tick() keeps that up to date. */
export const ago = (iso, now) => h("time", { datetime: iso, title: full(iso), "data-relative": "" }, relative(iso, now));

export function tick(now) {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const text = relative(time.dateTime, now);
    if (time.textContent !== text) time.textContent = text;
  }
}
