"use strict";

// Shows that this page's session stays where it is: one mark for each answer, and a WebSocket held open.
const mine = document.documentElement.dataset.version;
const track = document.getElementById("track");
const MARKS = 90;

if (track) {
  const live = document.getElementById("live");
  const tally = document.getElementById("tally");
  const counts = {same: 0, other: 0, failed: 0};

  const mark = (kind) => {
    counts[kind] += 1;
    const li = document.createElement("li");
    if (kind !== "same") li.className = kind;
    track.append(li);
    while (track.children.length > MARKS) track.firstChild.remove();
    tally.textContent = `${counts.same} answers from ${mine}`
      + (counts.other ? `, ${counts.other} from another version: reload the page` : "")
      + (counts.failed ? `, ${counts.failed} failed` : "");
  };

  const ask = async () => {
    try {
      const response = await fetch("/api/whoami", {cache: "no-store"});
      if (!response.ok) throw new Error(response.status);
      mark((await response.json()).version === mine ? "same" : "other");
    } catch {
      mark("failed");
    }
  };

  const say = (state, text) => {
    live.dataset.state = state;
    live.textContent = text;
  };

  const connect = () => {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
    socket.onmessage = (event) => {
      if (event.data.startsWith("{")) say("open", `live, WebSocket on ${JSON.parse(event.data).version}`);
    };
    socket.onclose = (event) => {
      say("lost", event.code === 1012 ? "the service restarts…" : "connection lost, trying again…");
      setTimeout(connect, 500 + 1500 * Math.random());
    };
  };

  document.getElementById("compose").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
    try {
      const response = await fetch("/api/notes", {
        method: "POST",
        headers: {"Content-Type": "application/json", "Idempotency-Key": key},
        body: JSON.stringify({text: form.text.value}),
      });
      if (response.ok) location.reload();
      else say("lost", "the note was not taken, try again");
    } catch {
      say("lost", "the note was not sent, try again");
    }
  });

  connect();
  ask();
  setInterval(ask, 1000);
}
