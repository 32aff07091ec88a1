# shellcheck shell=bash
# What the scripts of setup/ share. They print short lines, and keep the details in .cache/setup/<script>.log.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$root/.cache/setup
log=$cache/$(basename "$0").log
mkdir -p "$cache"
cd "$root" || exit 1

say() { printf 'setup: %s\n' "$*"; }

fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

# quietly WHAT COMMAND...: says WHAT, runs COMMAND with its output in the log, and shows the end of that if it fails.
quietly() {
    say "$1"
    shift
    "$@" >"$log" 2>&1 </dev/null || fail_with_log "failed: $*" "$log"
}

fail_with_log() {
    tail -n 20 "$2" >&2
    fail "$1" "the whole log: $2"
}

# Whether the scripts may install packages and start services by themselves: only as root on Debian or Ubuntu.
is_root_on_debian() {
    [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ] && command -v apt-get >/dev/null
}
