"""What every request passes before any handler sees it, and what every answer carries. Closed unless it is opened."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grader.review.desk.sessions import COOKIE, Session, Sessions

OPEN = ("/enter", "/static/")  # need no session and tell nothing
READING = ("GET", "HEAD")
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=()",
}


class Guard:
    """Refuses what does not come from the desk's own pages, opened by a reviewer, at the address that was printed."""

    def __init__(self, app: ASGIApp, sessions: Sessions, host: str) -> None:
        """Protect app; host is the one `Host` that browsers of reviewers send, like 127.0.0.1:8100."""
        self._app, self._sessions, self._host = app, sessions, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        self._check_address(headers)
        _check_site(scope, headers)
        session = self._session(headers)
        scope["session"] = session
        if session is None and not scope["path"].startswith(OPEN):
            raise HTTPException(403, "This page needs the link that `grader serve` printed; each link works once.")
        if scope["method"] not in READING:
            self._check_change(headers, session)
        await self._app(scope, receive, send)

    def _check_address(self, headers: Headers) -> None:
        # A name that an attacker points at 127.0.0.1 (DNS rebinding) makes the attacker's page ours to the browser, but
        # the browser still tells which name it used.
        if headers.getlist("host") != [self._host]:
            raise HTTPException(421, f"This is the desk at http://{self._host}, and the request was for another place.")

    def _session(self, headers: Headers) -> Session | None:
        return self._sessions.of(cookie_parser("; ".join(headers.getlist("cookie"))).get(COOKIE, ""))

    def _check_change(self, headers: Headers, session: Session | None) -> None:
        if headers.getlist("origin") != [f"http://{self._host}"]:
            raise HTTPException(403, "Changes are taken from the desk's own pages only.")
        given = headers.get("x-csrf-token", "").encode()
        if session is None or not hmac.compare_digest(given, session.csrf.encode()):
            raise HTTPException(403, "The page is of another session; load it again.")
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise HTTPException(415, "Changes are taken as application/json.")


def _check_site(scope: Scope, headers: Headers) -> None:
    """Let other sites link to the desk, and nothing else: no embedding, no fetching, no prefetching."""
    if "prefetch" in headers.get("sec-purpose", "") + headers.get("purpose", ""):
        raise HTTPException(403, "Nothing here is fetched ahead: a link would be used up before it is clicked.")
    site = headers.get("sec-fetch-site", "none")
    followed = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    if site not in ("same-origin", "none") and not (scope["method"] == "GET" and followed):
        raise HTTPException(403, "Another site asked for this.")


class Armour:
    """Puts the headers on every answer, errors too; what a handler set itself stays."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sending)
