// For the pages of the app: tells the session API that the page is in use, and learns whether there is a newer version.
//
//     <script type="module" src="/api/deployment/client.mjs?banner"></script>             needs nothing else; or
//     import { watch, reload } from "/api/deployment/client.mjs";  watch({ banner: true });
//
// Options, in the query or as an object: `banner` offers the update by itself; `interval` is the least number of seconds
// between two beats (60); `version` is this page's (else <html data-version>, else what the first answer says).
// When there is an update, window gets `bgctl:update`, once for each version; preventDefault() keeps the banner away.
//
// A script or style sheet of this site that cannot be loaded any more, because the page is of a version that has gone:
// window gets `bgctl:missing`. `banner` then offers to load the page anew; with `missing=reload` that is done at once,
// and once for each version of the page. preventDefault() keeps both away. `asks` has all that the page fetches from
// this site say of which version the page is, so that it is that version which answers, while it is served.

const STEM = "bg"; // what the names of cookies begin with; the session API writes [proxy] cookie_stem here
const TIMEOUT = 10_000;
const PATIENCE = 8; // intervals, at most, between two attempts that fail
const POSTPONED = "bgctl.postponed";
const RELOADED = "bgctl.reloaded";
const HEADER = "X-Deployment-Version";
const UPDATED = "A new version of this page is ready.", INCOMPLETE = "A part of this page cannot be loaded any more.";
// How Chromium, Firefox and Safari, Vite and webpack say that a part of the app could not be loaded.
const NOT_LOADED = /dynamically imported module|importing a module script failed|unable to preload css|loading (css )?chunk/i;

/** Beats while the page is visible. Returns a function that ends it. */
export function watch({
  banner = false, interval = 60, version = document.documentElement.dataset.version, missing = "", asks = false,
} = {}) {
  const pause = interval * 1000;
  const ask = asker(pause);
  let mine = version || undefined;
  let told, timer, due = 0, failures = 0, ended = false, missed = false;

  async function beat() {
    due = Date.now() + spread(pause);
    try {
      hear(await ask());
      failures = 0;
    } catch { // no network, or no answer: there is nothing that a page could do
      due = Date.now() + spread(backedOff(pause, ++failures));
    }
    plan();
  }

  function hear({ yours, current, updateAvailable }) {
    mine ??= yours ?? current;
    // A session may have moved since this page was loaded: then the page is old, though the session is not.
    const old = mine !== current && (updateAvailable !== false || (yours && yours !== mine));
    if (ended || missed || (old && told === current)) return;
    told = old ? current : undefined;
    hide();
    if (old && announce(mine, current) && banner && !isPostponed(current)) show(current, UPDATED);
  }

  // While nothing answers, a reload would lose the page.
  async function miss(url) {
    if (missed || ended) return;
    missed = true;
    try {
      const { yours, current } = await ask();
      const page = mine ?? yours ?? current;
      if (ended || !tell("bgctl:missing", { url, version: page })) return;
      if (missing === "reload" && isFirstReload(page)) reload();
      else if (banner || missing === "reload") offer(current, INCOMPLETE);
    } catch {
      missed = false;
    }
  }

  function offer(current, text) {
    hide();
    show(current, text);
  }

  function plan() {
    clearTimeout(timer);
    if (ended || document.visibilityState !== "visible") return;
    const wait = Math.min(due - Date.now(), pause * PATIENCE * 2); // a clock that was set back must not stop the beats
    timer = setTimeout(beat, Math.max(0, wait));
  }

  const unhear = hearMissing(miss);
  const unname = asks ? nameVersion(() => mine) : () => {};
  document.addEventListener("visibilitychange", plan);
  plan();
  return () => {
    ended = true;
    unhear();
    unname();
    plan();
    hide();
    document.removeEventListener("visibilitychange", plan);
  };
}

/** Loads this page anew, from the version that new sessions get; the session moves along. */
export function reload() {
  const https = location.protocol === "https:";
  const name = `${https ? "__Host-" : ""}${STEM}_update`;
  document.cookie = `${name}=1; Path=/; Max-Age=30; SameSite=Lax${https ? "; Secure" : ""}`;
  location.reload();
}

// Asks for the newest version: as a session, else as a visitor. A page that has just been found to have no session does
// not ask as a session each time.
function asker(pause) {
  let refusals = 0, again = 0;
  return async () => {
    if (Date.now() >= again) {
      const answer = await call("POST", "heartbeat");
      if (answer.status !== 401) {
        refusals = 0;
        return read(answer);
      }
      again = Date.now() + backedOff(pause, ++refusals);
    }
    return read(await call("GET", "version"));
  };
}

function call(method, name) {
  const options = { method, credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) };
  return fetch(new URL(name, import.meta.url), options);
}

async function read(answer) {
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const { yourVersion, currentVersion, updateAvailable } = await answer.json();
  // The proxy names the version that a visitor is pinned to.
  const yours = yourVersion ?? answer.headers.get(HEADER) ?? undefined;
  return { yours, current: currentVersion, updateAvailable };
}

const backedOff = (pause, times) => pause * Math.min(2 ** times, PATIENCE);
const spread = (wait) => wait * (1 + Math.random() / 5); // tabs that were opened together drift apart

function announce(yourVersion, currentVersion) {
  return tell("bgctl:update", { yourVersion, currentVersion });
}

// Whether nobody has prevented what follows.
function tell(name, detail) {
  return window.dispatchEvent(new CustomEvent(name, { detail, cancelable: true }));
}

// Calls `miss` with the address, as far as it is known, of each part of the app that cannot be loaded. Returns a function
// that ends it.
function hearMissing(miss) {
  const ours = (address) => address && URL.canParse(address) && new URL(address).origin === location.origin;
  const kinds = {
    error({ target }) { // of an element, which does not bubble
      const address = target instanceof HTMLScriptElement ? target.src
        : target instanceof HTMLLinkElement && /\b(stylesheet|modulepreload)\b/i.test(target.rel) ? target.href : "";
      if (ours(address)) miss(address);
    },
    unhandledrejection({ reason }) {
      if (reason?.name === "ChunkLoadError" || NOT_LOADED.test(reason?.message ?? "")) miss();
    },
    "vite:preloadError": () => miss(),
  };
  for (const [kind, hear] of Object.entries(kinds)) window.addEventListener(kind, hear, true);
  return () => {
    for (const [kind, hear] of Object.entries(kinds)) window.removeEventListener(kind, hear, true);
  };
}

// Whether a page of this version has not been loaded anew by itself: where that did not help, nothing will. A browser
// that lets this page store nothing could not tell, and its page is not loaded anew.
function isFirstReload(version) {
  try {
    const before = (sessionStorage.getItem(RELOADED) ?? "").split(" ");
    if (before.includes(version)) return false;
    sessionStorage.setItem(RELOADED, [...before.slice(-9), version].join(" "));
    return sessionStorage.getItem(RELOADED)?.split(" ").includes(version) ?? false;
  } catch {
    return false;
  }
}

// Has what the page fetches from this site say the page's version, once that is known. A request that says one already
// keeps it. Returns a function that ends it.
function nameVersion(version) {
  const send = window.fetch;
  const named = function (...asked) {
    const headers = asked.length && version() ? headersWith(version(), ...asked) : undefined;
    return headers ? send.call(this, asked[0], { ...asked[1], headers }) : send.apply(this, asked);
  };
  window.fetch = named;
  return () => {
    if (window.fetch === named) window.fetch = send; // else somebody has wrapped it since, and it goes on
  };
}

// The headers of a request to this site, with the page's version; undefined for other sites, and for what is no request:
// what is wrong with it is the browser's to say.
function headersWith(version, input, options) {
  try {
    const request = input?.headers ? input : undefined; // one of another frame is no instance of our Request
    if (new URL(request?.url ?? input, document.baseURI).origin !== location.origin) return undefined;
    const headers = new Headers(options?.headers ?? request?.headers);
    if (!headers.has(HEADER)) headers.set(HEADER, version);
    return headers;
  } catch {
    return undefined;
  }
}

function isPostponed(version) {
  try {
    return sessionStorage.getItem(POSTPONED) === version;
  } catch {
    return false; // the browser lets this page store nothing
  }
}

function postpone(version) {
  hide();
  try {
    sessionStorage.setItem(POSTPONED, version);
  } catch {
    // then the banner comes back with the next page
  }
}

const STYLE = `
  :host { all: initial; position: fixed; inset: auto 0 0; z-index: 2147483647; pointer-events: none; color-scheme: light dark; }
  section {
    pointer-events: auto; box-sizing: border-box; display: flex; flex-wrap: wrap; align-items: center; gap: .5rem .75rem;
    width: fit-content; max-width: calc(100% - 2rem); margin: 0 auto calc(1rem + env(safe-area-inset-bottom));
    padding: .625rem .75rem .625rem 1.125rem; border: 1px solid #d5dbe3; border-radius: 14px;
    background: #fff; color: #131a24; box-shadow: 0 1px 2px #0f1a2a14, 0 12px 32px #0f1a2a29;
    font: 15px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
    animation: rise .25s ease-out;
  }
  p { margin: 0; flex: 1 1 auto; }
  div { display: flex; gap: .375rem; margin-left: auto; }
  button { font: inherit; font-weight: 600; padding: .4rem .9rem; border: 0; border-radius: 9px; cursor: pointer; }
  .now { background: #1d5fd1; color: #fff; }
  .now:hover { background: #174fb0; }
  .later { background: none; color: #4a5666; }
  .later:hover { background: #eef1f5; }
  button:focus-visible { outline: 2px solid #1d5fd1; outline-offset: 2px; }
  @keyframes rise { from { opacity: 0; transform: translateY(8px); } }
  @media (prefers-reduced-motion: reduce) { section { animation: none; } }
  @media (prefers-color-scheme: dark) {
    section { background: #1b2430; color: #e8edf3; border-color: #344153; box-shadow: 0 12px 32px #0008; }
    .now { background: #7db0ff; color: #0b1017; }
    .now:hover { background: #a3c7ff; }
    .later { color: #aab6c5; }
    .later:hover { background: #263243; }
    button:focus-visible { outline-color: #7db0ff; }
  }
  @media print { :host { display: none; } }
`;

let shown; // the banner's host. Its shadow root keeps the styles of page and banner apart.

function show(version, message) {
  shown = document.createElement("bgctl-update");
  const sheet = new CSSStyleSheet(); // no Content-Security-Policy forbids this one
  sheet.replaceSync(STYLE);
  const root = shown.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet];
  const text = element("p", { role: "status" });
  const buttons = element("div", {}, button("later", "Later", () => postpone(version)), button("now", "Reload", reload));
  root.append(element("section", { "aria-label": "Update" }, text, buttons));
  document.body.append(shown);
  // Screen readers read out a status when it changes, not when it appears.
  setTimeout(() => text.append(message));
}

function hide() {
  shown?.remove();
  shown = undefined;
}

function button(kind, label, click) {
  const made = element("button", { class: kind, type: "button" }, label);
  made.addEventListener("click", click);
  return made;
}

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Loaded by a <script>, it starts by itself; imported, it waits for watch().
if ([...document.scripts].some((script) => script.type === "module" && script.src === import.meta.url)) {
  const query = new URL(import.meta.url).searchParams;
  watch({
    banner: query.has("banner"),
    interval: Number(query.get("interval")) || undefined,
    version: query.get("version") ?? undefined,
    missing: query.get("missing") ?? undefined,
    asks: query.has("asks"),
  });
}
