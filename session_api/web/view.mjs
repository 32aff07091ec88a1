// The parts of the page, as elements made from the data. `now` is the server's time, in milliseconds.

import { ago, at, h } from "./dom.mjs";
import { unknown } from "./slots.mjs";
import { PHASES, duration, isRestart, known, number, percent, sentence, some } from "./words.mjs";

/** Why counts are unknown, in words; null if they are known. */
export const reason = (data) => data.unknown ?? data.sessions?.unknown ?? null;

export function current({ slots, sessions }) {
  const ready = [slots.blue, slots.green].filter((slot) => slot.state === "ready");
  return sessions?.currentVersion ?? ready.sort((a, b) => b.weight - a.weight)[0]?.version;
}

export function release(data, now) {
  const { phase, deployment, updatedAt } = data;
  const moves = isRestart(deployment) ? null : deployment;
  return [
    h("div", { class: "what" },
      h("p", { class: "since" },
        h("span", { class: `chip phase ${phase}` }, PHASES[phase] ?? phase),
        updatedAt ? h("span", { class: "muted" }, "changed ", ago(updatedAt, now)) : null,
        deployment ? h("span", { class: "muted" }, moves ? "release began " : "restart began ", at(deployment.startedAt, now)) : null),
      h("h1", { id: "headline" }, moves ? versions(data) : current(data)),
      h("p", { class: "sentence" }, sentence(data, current(data)))),
    moves ? left(data) : null,
    moves ? progress(data) : null,
    moves && !["candidate", "preview"].includes(phase) ? forecast(data, now) : null,
  ];
}

function versions({ deployment: { from, to }, slots }) {
  const slot = (version) => (version === slots.green.version && version !== slots.blue.version ? "green" : "blue");
  return [
    h("span", { "data-slot": slot(from) }, from),
    " ", h("span", { class: "arrow", role: "img", "aria-label": "to" }, "→"), " ",
    h("span", { "data-slot": slot(to) }, to),
  ];
}

function left(data) {
  const count = data.sessions?.versions[data.deployment.from];
  const visitors = data.sessions?.unknownVisitors ? "visitors unknown" : some(count?.anonymous, "visitor");
  const more = [some(count?.users, "user"), visitors, some(count?.websockets, "WebSocket")];
  const sessions = reason(data) ? null : count?.sessions ?? 0;
  return h("div", { class: "left" },
    h("p", { class: "label" }, `On ${data.deployment.from}`),
    h("p", { class: "big" }, known(sessions) ? number(sessions) : unknown(),
      known(sessions) ? h("span", { class: "noun" }, sessions === 1 ? " session" : " sessions") : null),
    h("p", { class: "muted" }, more.filter(Boolean).join(" · ") || (known(sessions) ? "nobody else" : "")));
}

function progress(data) {
  const { from, to } = data.deployment;
  const [old, young] = [from, to].map((version) => data.sessions?.versions[version]?.sessions);
  const sure = !reason(data) && known(old) && known(young);
  const whole = old + young;
  const caption = !sure ? "How many sessions moved on is unknown"
    : whole ? `${number(young)} of ${number(whole)} sessions are on ${to}` : "No sessions on either version";
  return h("div", { class: "progress" },
    h("div", { class: "row" }, h("p", { id: "share" }, caption),
      sure && whole ? h("p", { class: "figure" }, percent(young, whole)) : null),
    h("div", { class: sure ? "track" : "track hatched", role: "progressbar", "aria-labelledby": "share",
      "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": sure && whole ? Math.floor((100 * young) / whole) : null,
      "--share": sure && whole ? young / whole : 0 }));
}

function forecast(data, now) {
  const { earliest, likely, latest } = data.sessions?.forecast ?? {};
  const { from } = data.deployment;
  const count = data.sessions?.versions[from];
  const empty = count && !reason(data) && !count.sessions && count.anonymous === 0 && !count.websockets;
  if (empty) return h("p", { class: "notice good" }, `${from} is empty: nothing holds it any more.`);
  if (![earliest, likely, latest].some(known) && data.phase !== "draining") return null;
  const cell = (title, iso, note, why, main) => h("div", { class: main ? "main" : null },
    h("dt", {}, title),
    h("dd", {}, iso ? h("strong", {}, ago(iso, now)) : unknown(),
      h("span", { class: "muted" }, iso ? [at(iso, now), ` · ${note}`] : reason(data) ? null : why)));
  return h("dl", { class: "forecast", "aria-label": `When ${from} will be empty` },
    cell("Empty at the earliest", earliest, "if nobody comes back", "no idle time-out is set"),
    cell("Likely", likely, "at the pace so far", "nobody has left yet", true),
    cell("At the latest", latest, "the last one expires"));
}

export function users(data, now) {
  const listed = data.sessions?.users ?? [];
  if (reason(data) && !listed.length) return h("p", {}, unknown(), `: ${reason(data)}.`);
  if (!listed.length) return h("p", { class: "muted" }, "Nobody is on an old version.");
  const rows = listed.map(({ userId, email, lastActivity }) => h("tr", {},
    h("td", {}, h("span", { class: "who" }, email ?? userId ?? "no e-mail"),
      email && userId && userId !== email ? h("span", { class: "muted small" }, userId) : null),
    h("td", {}, ago(lastActivity, now))));
  return h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "User"), h("th", { scope: "col" }, "Last activity"))),
    h("tbody", {}, rows));
}

export function history(data, now) {
  const title = h("h2", { id: "history-title" }, "Recent changes");
  if (!data.history) return [title, h("p", {}, unknown(), ": the log of changes cannot be read.")];
  if (!data.history.length) return [title, h("p", { class: "muted" }, "None yet.")];
  const entry = (each) => h("li", {},
    h("span", { class: `mark ${each.outcome}`, role: "img", "aria-label": each.outcome }),
    h("div", {},
      h("p", {}, h("strong", {}, each.what), each.outcome === "done" ? null : h("span", { class: "outcome" }, each.outcome)),
      h("p", { class: "muted small" }, [each.who, each.command, each.seconds >= 1 ? `took ${duration(each.seconds)}` : "", each.why].filter(Boolean).join(" · "))),
    h("span", { class: "muted small" }, ago(each.at, now)));
  return [title, h("ol", { class: "history" }, data.history.map(entry))];
}
