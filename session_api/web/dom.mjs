// Elements. What comes from outside is only ever text: nothing here parses HTML.

import { clock, full, relative } from "./words.mjs";

/** An element; `--name` among its attributes is a property for the style sheet. What is null is left out. */
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

/** Replaces the content of `target`, unless it is the same: a selection survives, a screen reader stays quiet. */
export function fill(target, ...children) {
  const next = h("div", {}, children);
  const same = next.childNodes.length === target.childNodes.length
    && [...next.childNodes].every((child, index) => child.isEqualNode(target.childNodes[index]));
  if (!same) target.replaceChildren(...next.childNodes);
}

/** A moment as the time of day. */
export const at = (iso, now) => h("time", { datetime: iso, title: full(iso) }, clock(iso, now));

/** A moment as seen from now; tick() keeps it so. */
export const ago = (iso, now) => h("time", { datetime: iso, title: full(iso), "data-relative": "" }, relative(iso, now));

export function tick(now) {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const text = relative(time.dateTime, now);
    if (time.textContent !== text) time.textContent = text;
  }
}
