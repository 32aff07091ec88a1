"""Opens sessions, shows them, keeps them alive, refreshes their tokens, and closes them."""

import re
import secrets
from dataclasses import replace

import msgspec
import structlog

from session_api import messages
from session_api.clock import moment
from session_api.sessions import names
from session_api.sessions.routed import Routed
from session_api.state.document import StateError
from session_api.state.state import Place, State
from session_api.stores.records import Session
from session_api.stores.store import Store
from session_api.tokens.claims import Claims, TokenError
from session_api.tokens.tokens import Tokens
from session_api.version_name import PATTERN

log = structlog.get_logger(__name__)


class SessionEndedError(Exception):
    """The token is good, but its session was ended or has expired."""


class ForeignTokenError(Exception):
    """The token is good, but it is the app's own: it serves for routing and counting, and for no more."""


class VersionError(Exception):
    """What was sent cannot be the name of a version."""


class Sessions:
    """`ttl` is the life of a token in seconds. Methods raise StoreError, StateError."""

    def __init__(self, store: Store, tokens: Tokens, state: State, ttl: int) -> None:
        self._store = store
        self._tokens = tokens
        self._state = state
        self._ttl = ttl

    def open(self, user_id: str, email: str | None, routed: Routed | None) -> messages.Token:
        """Start a session where the log-in was routed, or where new sessions go. Raises VersionError."""
        now, place = self._store.now(), self._first_place(routed)
        sid = secrets.token_urlsafe(16)
        session = Session(sid, user_id, email, place.version, now, now, now + self._ttl)
        self._store.add(session)
        signed = self._sign(session, place, now)
        return msgspec.structs.replace(signed, note=_note(routed, place))

    def refresh(self, claims: Claims, routed: Routed | None) -> messages.Token:
        """A new token for the same session, on its place.

        `routed` is where the proxy sent this request, if one did. Raises SessionEndedError, TokenError, and
        ForeignTokenError: a holder of the app's key must not get a token of ours for it.
        """
        if claims.foreign:
            raise ForeignTokenError
        now, place = self._store.now(), self._place(claims, routed)
        session = _session(replace(claims, version=place.version), now, now + self._ttl)
        known = _alive(self._store.resume(replace(session, issued_at=now)))
        return self._sign(_as_in(claims, known), place, now)

    def close(self, claims: Claims, routed: Routed | None = None) -> bool:
        """Log out; False if the session had ended before. Raises TokenError."""
        if claims.version is None:
            claims = self._held(claims, routed)
        return self._store.end(_session(claims, self._store.now(), claims.over_at))

    def look(self, claims: Claims, routed: Routed | None) -> messages.SessionInfo:
        """Show a session; one that was idle is active again. Raises SessionEndedError, TokenError."""
        held = _session(self._held(claims, routed), self._store.now(), claims.over_at)
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

    def beat(self, claims: Claims, routed: Routed | None) -> messages.Heartbeat:
        """Mark activity, and say whether there is a newer version. Raises SessionEndedError, TokenError.

        In a canary both versions take new sessions: then no session is asked to move.
        """
        claims = self._held(claims, routed)
        _alive(self._store.resume(_session(claims, self._store.now(), claims.over_at)))
        version = claims.version or self._state.current_version()
        return messages.Heartbeat(version, *self._newest(version, routed))

    def newest(self, routed: Routed | None) -> messages.CurrentVersion:
        """The version of new sessions, and whether the proxy sent this request to another one."""
        if routed is None:
            return messages.CurrentVersion(self._state.current_version())
        return messages.CurrentVersion(*self._newest(routed.version, routed))

    def _newest(self, version: str, routed: Routed | None) -> tuple[str, bool]:
        """The version of new sessions, and whether one on `version` should move there.

        What the proxy has by a newer state than the one here is as new as anything known here.
        """
        if routed and self._state.is_behind(routed.generation) and re.search(PATTERN, version):
            return version, False
        return self._state.current_version(), not self._state.takes_new(version)

    def _first_place(self, routed: Routed | None) -> Place:
        """Where a new session goes. While no state can be read, the proxy is believed: log-ins go on."""
        if routed is None:
            return self._state.current_place()
        if not re.search(PATTERN, routed.version):
            raise VersionError
        try:
            return self._state.routed_place(*routed)
        except StateError:
            return Place(*routed)

    def _held(self, claims: Claims, routed: Routed | None) -> Claims:
        """The claims with the version that serves the session.

        Counted under a version that has been retired, it would be one that no drain waits for.
        """
        return replace(claims, version=self._place(claims, routed).version)

    def _place(self, claims: Claims, routed: Routed | None) -> Place:
        """Where the proxy sent the session, else where it is by its token.

        So a session that the proxy has moved gets a token for its new version at the next refresh.
        """
        if routed and (place := self._state.routed_place(*routed)).version == routed.version:
            return place
        if claims.version is None:
            return self._state.current_place()
        return self._state.place(claims.version, claims.generation, claims.issued_at)

    def _sign(self, session: Session, place: Place, now: int) -> messages.Token:
        expires_at = now + self._ttl
        claims = {
            "userId": session.user_id,
            "sub": session.user_id,
            "deploymentVersion": place.version,
            "sid": session.sid,
            "iat": now,
            "exp": expires_at,
        }
        if place.generation is not None:
            claims["deploymentGeneration"] = place.generation
        if session.email is not None:
            claims["email"] = session.email
        token = self._tokens.sign(claims)
        return messages.Token(token, session.sid, session.user_id, place.version, moment(expires_at))


def _note(routed: Routed | None, place: Place) -> str | msgspec.UnsetType:
    """Explains the token of a log-in that came from a version that no slot serves any more."""
    if routed is None or routed.version == place.version:
        return msgspec.UNSET
    log.warning("a log-in on a version that no slot serves", asked=routed.version, signed=place.version)
    return f"No slot serves {routed.version}: this token says {place.version}, which serves its sessions."


def _session(claims: Claims, now: int, expires_at: int) -> Session:
    if claims.user_id is None or claims.version is None:
        raise TokenError("claims")  # enough to be routed by, but a session needs a user
    user = names.user(claims.user_id)
    sid = names.session(claims.sid, user, foreign=claims.foreign)
    if claims.says != "version":
        sid = names.by_token(sid, claims.version if claims.says == "user" else None)
    who = (sid, user, claims.email, claims.version)
    times = (claims.issued_at, now, expires_at)
    return Session(*who, *times, issued_at=claims.issued_at, good_until=claims.over_at)


def _as_in(claims: Claims, session: Session) -> Session:
    """The session with the ids of the token: the names by which it is counted are not shown."""
    return replace(session, sid=claims.sid, user_id=claims.user_id or session.user_id)


def _alive(session: Session | None) -> Session:
    if session is None:
        raise SessionEndedError
    return session
