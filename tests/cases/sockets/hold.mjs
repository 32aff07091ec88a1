// Keeps COUNT WebSockets to URL open with reconnecting-websocket as it is by default, and tells what becomes of them in
// lines of JSON. A line on standard input is said on each of them.
import { createInterface } from "node:readline";
import Reconnecting from "reconnecting-websocket";
import { WebSocket } from "ws";

const [url, count] = process.argv.slice(2);
const tell = (number, what, said) => console.log(JSON.stringify([number, what, said, Date.now() / 1000]));
const sockets = Array.from({ length: Number(count) }, (_, number) => {
  const socket = new Reconnecting(url, [], { WebSocket });
  socket.addEventListener("message", ({ data }) => tell(number, "heard", data));
  socket.addEventListener("close", ({ code }) => tell(number, "closed", String(code)));
  return socket;
});
createInterface({ input: process.stdin })
  .on("line", (line) => sockets.forEach((socket) => socket.send(line)))
  .on("close", () => process.exit(0));
