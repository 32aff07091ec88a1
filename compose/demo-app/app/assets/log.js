import {ago} from "./ago.js";

// Keeps the log up to date, and says which version writes it: this page's own, for as long as the page is open.
const mine = document.documentElement.dataset.version;
const list = document.getElementById("log");
const source = document.getElementById("source");
const counts = {same: 0, other: 0, failed: 0};

const line = ({who, what, at}) => {
  const li = document.createElement("li");
  const text = document.createElement("span");
  const name = document.createElement("strong");
  const time = document.createElement("time");
  name.textContent = who;
  text.append(name, ` ${what}`);
  time.dateTime = at;
  time.textContent = ago(at);
  li.append(text, time);
  return li;
};

const read = async () => {
  try {
    const response = await fetch("/api/log", {cache: "no-store"});
    if (!response.ok) throw new Error(response.status);
    const {version, entries} = await response.json();
    counts[version === mine ? "same" : "other"] += 1;
    list.replaceChildren(...entries.map(line));
  } catch {
    counts.failed += 1;
  }
  source.textContent = `read ${counts.same} times from ${mine}`
    + (counts.other ? `, ${counts.other} from another version: reload the page` : "")
    + (counts.failed ? `, ${counts.failed} failed` : "");
};

read();
setInterval(read, 2000);
