"""What happens to a session: it is opened, looked at, kept alive, refreshed and closed."""

import re
import secrets
from dataclasses import replace

import msgspec
import structlog

from session_api import messages, names
from session_api.clock import moment
from session_api.stores import Session, Store
from session_api.tokens import Claims, TokenError, Tokens
from session_api.version import PATTERN, State


log = structlog.get_logger(__name__)


class SessionEndedError(Exception):
    """The token is good, but its session was ended or has expired."""


class VersionError(Exception):
    """What was sent cannot be the name of a version."""


class Sessions:
    """The API's decisions. `ttl` is a token's life in seconds. Methods raise StoreError, StateError."""

    def __init__(self, store: Store, tokens: Tokens, state: State, ttl: int) -> None:
        self._store = store
        self._tokens = tokens
        self._state = state
        self._ttl = ttl

    def open(self, user_id: str, email: str | None, version: str | None) -> messages.Token:
        """Start a session on `version`, or on the one that new sessions get. Raises VersionError."""
        if version is not None and not re.search(PATTERN, version):
            raise VersionError
        asked, version = version, self._served(version)
        now = self._store.now()
        session = Session(secrets.token_urlsafe(16), user_id, email, version, now, now, now + self._ttl)
        self._store.add(session)
        return msgspec.structs.replace(self._sign(session, now), note=_note(asked, version))

    def refresh(self, claims: Claims, routed: str | None) -> messages.Token:
        """A new token for the same session, on its place. Raises SessionEndedError, TokenError.

        `routed` is the version to which the proxy sent this request, if one did.
        """
        now = self._store.now()
        asked = replace(_session(self._held(claims, routed), now, now + self._ttl), issued_at=now)
        known = _alive(self._store.resume(asked))
        return self._sign(_as_in(claims, known), now)

    def close(self, claims: Claims) -> bool:
        """Log out; False if the session had ended before. Raises TokenError."""
        return self._store.end(_session(claims, self._store.now(), claims.expires_at))

    def look(self, claims: Claims, routed: str | None) -> messages.SessionInfo:
        """Show a session; whoever was idle is active again. Raises SessionEndedError, TokenError."""
        held = _session(self._held(claims, routed), self._store.now(), claims.expires_at)
        known = _as_in(claims, _alive(self._store.find(held)))
        return messages.SessionInfo(
            user_id=known.user_id,
            email=known.email,
            sid=known.sid,
            deployment_version=known.version,
            issued_at=moment(claims.issued_at),
            expires_at=moment(claims.expires_at),
            last_activity=moment(known.last_activity),
        )

    def beat(self, claims: Claims, routed: str | None) -> messages.Heartbeat:
        """Mark activity, and tell whether another version awaits. Raises SessionEndedError, TokenError.

        In a canary both versions take new sessions: nobody on either is asked to move.
        """
        current = self._state.current_version()
        claims = self._held(claims, routed)
        _alive(self._store.resume(_session(claims, self._store.now(), claims.expires_at)))
        return messages.Heartbeat(claims.version, current, not self._state.takes_new(claims.version))

    def newest(self, routed: str | None) -> messages.CurrentVersion:
        """What new sessions get, and whether where the proxy sent this request is another version."""
        current = self._state.current_version()
        if routed is None:
            return messages.CurrentVersion(current)
        return messages.CurrentVersion(current, not self._state.takes_new(routed))

    def _served(self, version: str | None) -> str:
        """The version that serves whoever logs in on `version`: this one, else what new sessions get."""
        if version is not None and version in self._state.served_versions():
            return version
        return self._state.current_version()

    def _held(self, claims: Claims, routed: str | None) -> Claims:
        """The claims with the version that serves the session: where the proxy sent it, else its own.

        So a refresh carries a move into the token. Counted under a version that has been retired, it would be
        one that no drain waits for.
        """
        served = self._state.served_versions()
        if routed in served:
            return replace(claims, version=routed)
        return claims if claims.version in served else replace(claims, version=self._state.current_version())

    def _sign(self, session: Session, now: int) -> messages.Token:
        expires_at = now + self._ttl
        claims = {
            "userId": session.user_id,
            "sub": session.user_id,
            "deploymentVersion": session.version,
            "sid": session.sid,
            "iat": now,
            "exp": expires_at,
        }
        if session.email is not None:
            claims["email"] = session.email
        token = self._tokens.sign(claims)
        return messages.Token(token, session.sid, session.user_id, session.version, moment(expires_at))


def _note(asked: str | None, version: str) -> str | msgspec.UnsetType:
    """A word on a log-in that asked for a version that nobody serves."""
    if asked in (None, version):
        return msgspec.UNSET
    log.warning("a log-in asked for a version that no slot serves", asked=asked, signed=version)
    return f"No slot serves {asked}: the token says {version}, which new sessions get."


def _session(claims: Claims, now: int, expires_at: int) -> Session:
    if claims.user_id is None:
        raise TokenError("claims")  # enough to be routed by, but nobody's session
    user = names.user(claims.user_id)
    who = (names.session(claims.sid, user), user, claims.email, claims.version)
    times = (claims.issued_at, now, expires_at)
    return Session(*who, *times, issued_at=claims.issued_at, good_until=claims.expires_at)


def _as_in(claims: Claims, session: Session) -> Session:
    """What is told of a session calls it, and its user, as the token does: names are for counting."""
    return replace(session, sid=claims.sid, user_id=claims.user_id or session.user_id)


def _alive(session: Session | None) -> Session:
    if session is None:
        raise SessionEndedError
    return session
