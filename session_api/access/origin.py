"""Which page sent a request: what another site's page sends with a cookie is refused."""

import falcon

OURS = ("same-origin", "none")  # none: somebody typed the address


def same_origin(req: falcon.Request) -> None:
    """Raises HTTPForbidden for what a page of another origin sends, by the browser's own word.

    Sec-Fetch-Site is that word; older browsers send Origin alone. What sends neither is no browser of today,
    and a cookie that is SameSite=Strict does not come along from elsewhere: it may pass.
    """
    said, origin = req.get_header("Sec-Fetch-Site"), req.get_header("Origin")
    if said is not None:
        ours = said in OURS
    else:
        ours = origin is None or origin.partition("://")[2].lower() == _host(req)
    if not ours:
        raise falcon.HTTPForbidden(description="This is sent by pages of this site alone.")


def _host(req: falcon.Request) -> str:
    """Where the browser went: the proxy says it in both headers, and overwrites what others say."""
    return (req.get_header("X-Forwarded-Host") or req.get_header("Host") or "").lower()
