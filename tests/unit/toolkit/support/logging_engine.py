"""An engine that is a script: its containers log into files."""

import json
import os
import signal

from tests.unit.toolkit.support.release_worlds import ReleaseWorld

# Answers as docker does: a container's log is the file that is called like it.
ENGINE = """#!/bin/sh
cd "{root}/logs" || exit 1
for last; do :; done
case "$1 $*" in
info*) echo '[]' ;;
compose*) ;;
ps*) ls | grep -v '[.]pid$' ;;
inspect*) cat "{root}/containers.json" ;;
logs*--follow*) echo $$ > "$last.pid"; exec tail -n +1 -f "$last" ;;
logs*) [ -r "$last" ] || {{ echo "no reading here" >&2; exit 1; }}; tail -n "$3" "$last" ;;
*) exit 1 ;;
esac
"""


class Logging:
    """A project whose containers log into files."""

    def __init__(self, release: ReleaseWorld) -> None:
        self.release = release
        self.logs = release.root / "logs"
        self.logs.mkdir()
        self.containers: dict[str, str] = {}
        release.engine_says(ENGINE.format(root=release.root))
        for service in ("frontend-blue", "frontend-green", "proxy"):
            self.start(service, f"{service}-1")

    def start(self, service: str, container: str) -> None:
        (self.logs / container).touch()
        self.containers[service] = container
        found = [
            {
                "Id": id,
                "State": {"Status": "running", "Running": True, "ExitCode": 0},
                "Config": {"Image": "x", "Labels": {"com.docker.compose.service": name}, "Env": []},
            }
            for name, id in self.containers.items()
        ]
        place = self.release.root / "containers.json"
        place.with_suffix(".new").write_text(json.dumps(found))
        place.with_suffix(".new").replace(place)

    def say(self, service: str, second: int, text: str) -> None:
        with (self.logs / self.containers[service]).open("a") as log:
            log.write(f"2026-01-15T10:30:{second:02}.000000000Z {text}\n")

    def end(self, container: str) -> None:
        """What follows this container's log comes to its end."""
        os.kill(int((self.logs / f"{container}.pid").read_text()), signal.SIGTERM)

    def run(self, *argv: str, code: int = 0) -> str:
        done = self.release.bgctl("logs", *argv, env=self.release.env)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr
