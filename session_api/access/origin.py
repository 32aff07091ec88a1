"""Refuses what the page of another site sends with a user's cookie (cross-site request forgery)."""

import falcon

OURS = ("same-origin", "none")  # none: the address was typed, or is a bookmark


def same_origin(req: falcon.Request) -> None:
    """Raises HTTPForbidden if the browser says that a page of another origin sent this request.

    Sec-Fetch-Site says so; older browsers send Origin alone. A client that sends neither may pass: it is no
    browser of today, and a SameSite=Strict cookie is not sent from another site's page.
    """
    said, origin = req.get_header("Sec-Fetch-Site"), req.get_header("Origin")
    if said is not None:
        ours = said in OURS
    else:
        ours = origin is None or origin.partition("://")[2].lower() == _host(req)
    if not ours:
        raise falcon.HTTPForbidden(description="This is sent by pages of this site alone.")


def _host(req: falcon.Request) -> str:
    """The host to which the browser went. The proxy sets both headers, and overwrites what a client sent."""
    return (req.get_header("X-Forwarded-Host") or req.get_header("Host") or "").lower()
