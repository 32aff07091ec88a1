// An app that speaks HTTP/2 without TLS, and nothing else.

import { readFileSync } from "node:fs";
import { connect, createServer } from "node:http2";

const PORT = 8080;
const RELEASE = readFileSync("/app/release.txt", "utf8").trim();

function answer(request, response) {
  let size = 0;
  request.on("data", (part) => { size += part.length; });
  request.on("end", () => {
    response.setHeader("Content-Type", "text/plain");
    const host = request.headers.host ?? request.authority;
    response.end(`${RELEASE} HTTP/${request.httpVersion} ${request.method} ${host} ${size}`);
  });
}

// The container's own health check: whether anything answers.
function check() {
  const line = connect(`http://127.0.0.1:${PORT}`);
  line.on("error", () => process.exit(1));
  line.request({ ":path": "/" }).on("response", () => process.exit(0)).end();
}

if (process.argv[2] === "check") {
  check();
} else {
  createServer(answer).listen(PORT);
  process.on("SIGTERM", () => process.exit(0));
}
