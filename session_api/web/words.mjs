// Puts numbers, times and states into words. Pure. null is unknown, and unknown is never shown as 0.

const NUMBER = new Intl.NumberFormat("en");
const HOUR = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });

export const PHASES = {
  rest: "At rest",
  candidate: "Candidate",
  preview: "Preview",
  canary: "Canary",
  draining: "Draining",
  promoting: "Promoting",
};
export const STATES = { ready: "takes new sessions", drain: "keeps its own", maint: "out of service" };

export const number = (value) => NUMBER.format(value);
export const known = (value) => value !== null && value !== undefined;
export const full = (iso) => FULL.format(new Date(iso));

/** `1 session`, `2 sessions`; null if there are none, or if the number is unknown. */
export const some = (count, noun) => (count ? `${number(count)} ${noun}${count === 1 ? "" : "s"}` : null);

export function percent(part, whole) {
  const share = (100 * part) / whole;
  if (share > 0 && share < 0.1) return "< 0.1 %";
  const digits = share > 0 && share < 10 ? 1 : 0;
  // 100 % must mean all: 99.6 % is not rounded up.
  return `${(share < 100 ? Math.min(share, 99) : share).toFixed(digits).replace(/\.0$/, "")} %`;
}

/** `40 s`, `12 min`, `2 h 5 min`, `6 days`. */
export function duration(seconds) {
  const minutes = Math.round(seconds / 60), hours = Math.floor(minutes / 60);
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (minutes < 60) return `${minutes} min`;
  if (hours < 36) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} days`;
}

export function relative(iso, now) {
  const seconds = (Date.parse(iso) - now) / 1000;
  if (Math.abs(seconds) < 2) return "now";
  return seconds > 0 ? `in ${duration(seconds)}` : `${duration(-seconds)} ago`;
}

/** The time of day, with the day unless it is today. */
export function clock(iso, now) {
  const moment = new Date(iso), today = new Date(now).toDateString() === moment.toDateString();
  return today ? HOUR.format(moment) : `${DAY.format(moment)}, ${HOUR.format(moment)}`;
}

/** Whether a version takes its own place, with other settings: nobody moves. */
export const isRestart = (deployment) => Boolean(deployment) && deployment.from === deployment.to;

/** The phase of the release, in one sentence. */
export function sentence({ phase, deployment, slots }, current) {
  const { from, to } = deployment ?? {};
  const canary = Object.values(slots).find((slot) => slot.version === to && slot.state === "ready");
  return {
    rest: `All sessions are served by ${current}.`,
    candidate: `${to} is up and takes no sessions yet; ${from} serves everyone.`,
    preview: `${to} is up for who has its preview link; ${from} serves everyone else.`,
    canary: `${to} takes ${canary?.weight ?? 0} % of new sessions; all others get ${from}.`,
    draining: `New sessions get ${to}. ${from} keeps its own until it is empty.`,
    promoting: isRestart(deployment) ? `${to} is started again; everybody stays on it.` : `${from} gives way: ${to} takes its place.`,
  }[phase] ?? "";
}

/** Errors per request: since the earlier sample, or since the proxies started. null if there were no requests. */
export function errors(gauge, earlier) {
  const recent = earlier && gauge.requests > earlier.requests && gauge.errors >= earlier.errors;
  const requests = gauge.requests - (recent ? earlier.requests : 0);
  const failed = gauge.errors - (recent ? earlier.errors : 0);
  if (!requests) return null;
  const span = recent ? "in the last minute" : "since the proxy started";
  return { many: failed / requests >= 0.01, rate: percent(failed, requests), detail: `${number(failed)} of ${number(requests)} ${span}` };
}
