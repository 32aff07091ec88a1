// The table of the two slots: a column each, a row for each figure, with bars that compare the two.

import { ago, h } from "./dom.mjs";
import { STATES, errors, known, number, some } from "./words.mjs";

const NAMES = ["blue", "green"];

export function slots(data, earlier, now) {
  const columns = NAMES.map((name) => column(name, data, earlier));
  const total = data.sessions?.totalActiveUsers;
  return [
    h("div", { class: "row" },
      h("h2", { id: "slots-title" }, "Slots"),
      known(total) ? h("p", { class: "muted" }, some(total, "active user") ?? "no active users") : null),
    h("table", { class: "slots" },
      h("thead", {}, h("tr", {}, h("td"), columns.map(head))),
      h("tbody", {}, rows(columns, now))),
    elsewhere(data),
  ];
}

function column(name, { slots, sessions, gauges }, earlier) {
  const { version, state, weight } = slots[name];
  const used = version !== null;
  const count = used ? sessions?.versions[version] : undefined;
  const gauge = used ? gauges?.[version] : undefined;
  const listed = state !== "maint" || Boolean(count || gauge);
  return { name, version, state, weight, count, gauge, listed, earlier: earlier?.[version] };
}

function head({ name, version, state }) {
  return h("th", { scope: "col", "data-slot": name },
    h("span", { class: "slot" }, h("span", { class: "dot" }), name),
    h("span", { class: "version" }, version ?? "none"),
    h("span", { class: `chip ${state}` }, STATES[state]));
}

function rows(columns, now) {
  return [
    row("New sessions", columns, ({ weight }) => weight, { most: 100, unit: " %" }),
    row("Sessions", columns, ({ count }) => count?.sessions),
    row("Users", columns, ({ count }) => count?.users),
    row("Visitors", columns, ({ count }) => count?.anonymous),
    row("WebSockets", columns, ({ count, gauge }) => gauge?.websockets ?? count?.websockets),
    row("Open requests", columns, ({ gauge }) => gauge?.open),
    plain("Errors", columns, failures),
    plain("Last activity", columns, ({ count }) => latest(count, now)),
  ];
}

function row(label, columns, value, { most, unit = "" } = {}) {
  const values = columns.map((each) => (each.listed ? value(each) : 0));
  const full = most ?? Math.max(1, ...values.filter(known));
  return h("tr", {}, h("th", { scope: "row" }, label), columns.map((each, index) => {
    if (!each.listed) return nothing();
    if (!known(values[index])) return h("td", { "data-slot": each.name }, unknown(), h("span", { class: "bar-track hatched" }));
    return h("td", { "data-slot": each.name },
      h("span", { class: "figure" }, number(values[index]) + unit),
      h("span", { class: "bar-track", "--share": values[index] / full }));
  }));
}

function plain(label, columns, show) {
  const cell = (each) => (each.listed ? h("td", {}, show(each)) : nothing());
  return h("tr", {}, h("th", { scope: "row" }, label), columns.map(cell));
}

function failures({ gauge, earlier }) {
  if (!gauge) return unknown();
  const found = errors(gauge, earlier);
  if (!found) return h("span", { class: "muted" }, "no requests");
  return [h("span", { class: found.many ? "figure bad" : "figure" }, found.rate),
    h("span", { class: "muted small" }, found.detail)];
}

function latest(count, now) {
  if (count?.lastActivity) return ago(count.lastActivity, now);
  return count && count.sessions === 0 ? h("span", { class: "muted" }, "none") : unknown();
}

const nothing = () => h("td", { class: "muted" }, h("span", { "aria-label": "not in service" }, "–"));
export const unknown = () => h("span", { class: "unknown" }, "unknown");

// Sessions of versions that no slot has any more: the proxy moves them at their next request.
function elsewhere({ slots, sessions }) {
  const served = NAMES.map((name) => slots[name].version);
  const others = Object.entries(sessions?.versions ?? {})
    .filter(([version, count]) => !served.includes(version) && (count.sessions || count.anonymous));
  if (!others.length) return null;
  const list = others.map(([version, { sessions, anonymous }]) =>
    `${version} (${[some(sessions, "session"), some(anonymous, "visitor")].filter(Boolean).join(", ")})`);
  return h("p", { class: "muted small" }, `No slot serves ${list.join(", ")}: moved with their next request.`);
}
