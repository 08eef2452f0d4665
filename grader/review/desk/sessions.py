"""Who is at the desk: a link works once and becomes a session in the browser that opened it."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass

SESSION_S = 12 * 3600.0
COOKIE = "desk_session"


@dataclass(frozen=True)
class Session:
    """One browser of one reviewer."""

    reviewer: str
    csrf: str
    ends: float  # on the monotonic clock


class Sessions:
    """Tokens and sessions, in memory alone: they end with the desk. Only their digests are kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[str, str] = {}
        self._sessions: dict[str, Session] = {}

    def invite(self, reviewer: str) -> str:
        """Give a token by which one browser becomes this reviewer's, once."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens[_digest(token)] = reviewer
        return token

    def enter(self, token: str) -> tuple[str, Session] | None:
        """Give the cookie and the session for a token, which is dead from then on."""
        with self._lock:
            reviewer = self._tokens.pop(_digest(token), None)
            if reviewer is None:
                return None
            cookie = secrets.token_urlsafe(32)
            session = Session(reviewer, secrets.token_urlsafe(32), time.monotonic() + SESSION_S)
            self._sessions[_digest(cookie)] = session
            return cookie, session

    def of(self, cookie: str) -> Session | None:
        """Give the session of a cookie, if it has one that has not ended."""
        with self._lock:
            session = self._sessions.get(_digest(cookie))
            if session is not None and time.monotonic() > session.ends:
                del self._sessions[_digest(cookie)]
                return None
            return session


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
