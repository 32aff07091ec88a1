"""What follows from a complaint of `nginx -t` about a configuration."""

from toolkit.errors import Refused
from toolkit.rendering import include_values, nginx_conf


def refusal(complaint: str, conf: str) -> Refused:
    """`conf` is what it was about."""
    what, why = "the proxy refuses the new configuration", complaint
    if own := include_values.blamed(complaint, conf):
        return Refused(own[0], f"nginx refuses it: {own[1]}", f"edit {own[0].rpartition(':')[0]}")
    if "file descriptors" in complaint:
        mend = "write less, or raise the proxy's ulimits in your compose file (docs/scaling.md)"
        return Refused(what, complaint.splitlines()[-1], mend)
    if "http_v3" in complaint:
        return Refused(what, why, "write http3 = false: this nginx has none")
    if f"{nginx_conf.LOG_FOLDER}/" in complaint:
        mend = f'add "./proxy/log:{nginx_conf.LOG_FOLDER}" to its volumes, then: bgctl down, and bgctl up'
        return Refused("the proxy has no folder for its access log", complaint.splitlines()[-1], mend)
    return Refused(what, why, "bgctl doctor")
