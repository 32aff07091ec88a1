// The dashboard: fetches the data while the page is visible, and says when the data is old.

import { fill, h, tick } from "./dom.mjs";
import { slots } from "./slots.mjs";
import { history, reason, release, users } from "./view.mjs";
import { duration } from "./words.mjs";

const DATA = "/api/deployment/dashboard/data";
const REFRESH = 10_000;
const TIMEOUT = 8_000;
const OLD = 25_000; // milliseconds: two refreshes have been missed
const WINDOW = 60_000; // milliseconds over which errors are counted

const part = (id) => document.getElementById(id);
const pages = [null]; // cursors of the pages of users; the last one is shown
let data, received, failure, timer, samples = [];

const age = () => Math.max(0, Date.now() - received);
const now = () => Date.parse(data.at) + age(); // the server's clock: ours may be wrong

async function refresh() {
  clearTimeout(timer);
  const page = pages.at(-1);
  try {
    const answer = await fetch(url(page), { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) });
    if (answer.status === 401 && data) return location.reload(); // to the log-in
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? `Status ${answer.status}.`);
    accept(await answer.json());
  } catch (error) {
    failure = error.name === "Error" ? error.message : "The session API does not answer.";
  }
  show();
  plan();
}

function url(page) {
  const query = new URLSearchParams(page ? { limit: 20, page } : { limit: 20 });
  return `${DATA}?${query}`;
}

function accept(document) {
  [data, received, failure] = [document, Date.now(), null];
  samples = samples.filter((sample) => received - sample.at <= WINDOW);
  if (data.gauges) samples.push({ at: received, gauges: data.gauges });
}

function plan() {
  clearTimeout(timer);
  if (document.visibilityState === "visible") timer = setTimeout(refresh, REFRESH);
}

function show() {
  if (data) {
    const time = now();
    fill(part("release"), release(data, time));
    fill(part("slots"), slots(data, samples.length > 1 ? samples[0].gauges : null, time));
    fill(part("users-list"), users(data, time));
    fill(part("history"), history(data, time));
    part("users").hidden = !data.deployment && !data.sessions?.users.length;
    part("users-title").textContent = data.deployment ? `Users on ${data.deployment.from}` : "Users on old versions";
    part("pages").hidden = pages.length < 2 && !data.sessions?.nextPage;
    part("newer").disabled = pages.length < 2;
    part("older").disabled = !data.sessions?.nextPage;
  }
  look();
}

// Every second: shows how old the data is.
function look() {
  const stale = Boolean(failure) || (data && age() > OLD);
  const state = stale ? "stale" : data ? "live" : "wait";
  document.body.dataset.live = state;
  say(part("live"), { stale: data ? "Stale" : "No data", live: "Live", wait: "Loading" }[state]);
  say(part("age"), data ? `${duration(age() / 1000)} ago` : "");
  fill(part("alarm"), alarms(stale));
  if (data) tick(now());
  if (data) document.title = title(stale);
}

function alarms(stale) {
  const why = data && reason(data);
  return [
    stale ? h("p", { class: "notice alarm" }, h("strong", {}, data ? "This is not live. " : "No data. "),
      failure ?? "Nothing was heard for a while.", data ? ` What you see is from ${new Date(received).toLocaleTimeString("en-GB")}.` : null) : null,
    why ? h("p", { class: "notice warning" }, h("strong", {}, "Counts are unknown: "), `${why}.`) : null,
  ];
}

function title(stale) {
  const { deployment, sessions } = data;
  const left = deployment && !reason(data) ? sessions?.versions[deployment.from]?.sessions : null;
  const what = !deployment ? "at rest" : `${left ?? "?"} on ${deployment.from}`;
  return `${stale ? "(stale) " : ""}${what} · ${location.host}`;
}

function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

part("host").textContent = location.host;
part("older").addEventListener("click", () => {
  pages.push(data.sessions.nextPage);
  refresh();
});
part("newer").addEventListener("click", () => {
  pages.pop();
  refresh();
});
document.addEventListener("visibilitychange", () => {
  look();
  if (document.visibilityState === "visible") refresh();
  else plan();
});
setInterval(look, 1000);
refresh();
