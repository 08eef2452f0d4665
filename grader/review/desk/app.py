"""The desk's pages and what they save. Who asks has a session by now; what he may see is decided in marks.Review."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from pydantic import StrictInt, StrictStr, ValidationError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from grader import rubric as rubrics
from grader.errors import GraderError
from grader.models import Frozen, ReviewItem, Rubric
from grader.report import desk as pages
from grader.review.book import Book, Key, Refused, Stale
from grader.review.desk import views
from grader.review.desk.guard import READING, Armour, Guard
from grader.review.desk.sessions import COOKIE, Session, Sessions
from grader.review.marks import Entry
from grader.review.publish import marking, publish
from grader.review.queue import Case, Queue
from grader.store import Store

BODY_BYTES = 128 * 2**10  # a comment of the largest size, in JSON
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
AGAIN = "the submission was graded again from other files; load the page again"


class Change(Frozen):
    """What every change says: which files the reviewer had before them."""

    digest: StrictStr


class Save(Change):
    """One item of a sheet as it stands on the page."""

    mark: StrictInt | None
    comment: StrictStr
    seen: StrictInt


class Settle(Change):
    """The common mark for one item."""

    mark: StrictInt
    seen: StrictInt


C = TypeVar("C", bound=Change)


class Desk:
    """What the routes do."""

    def __init__(self, book: Book, rubric: Rubric, sessions: Sessions, codes: Path | None = None) -> None:
        self._book, self._rubric, self._sessions = book, rubric, sessions
        self._store = Store(book.folder, marking(book, rubric))
        self._queue = Queue(self._store, rubrics.digest(rubric), codes)
        self._publishing = threading.Lock()

    # --- pages -------------------------------------------------------------------------------------------------------

    def enter(self, request: Request) -> Response:
        """Exchange the token of the printed link for a session."""
        if request.method != "GET":
            raise HTTPException(405, "A link is opened with GET.")
        entered = self._sessions.enter(request.query_params.get("token", ""))
        if entered is None:
            if request.scope["session"] is not None:  # the reviewer loads the first page again
                return HTMLResponse(pages.render_note("The desk", "You are in already.", "/"))
            raise HTTPException(
                403, "This link was used, or is not of this desk. Press Enter where it runs for another."
            )
        cookie, session = entered
        # A page that leads on, not a redirect: after a click in a mail program, say, the browser counts a redirect as
        # that program's doing and leaves a strict cookie out.
        response = HTMLResponse(pages.render_note("The desk", f"Reviewer: {session.reviewer}", "/"))
        response.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", path="/")
        return response

    def queue(self, request: Request) -> Response:
        """Show every submission, with what this reviewer may know of its review."""
        session = _session(request)
        rows = views.queue(
            self._queue.cases(), self._book.reviews(), self._rubric, self._book.needed(), session.reviewer
        )
        return HTMLResponse(pages.render_queue(rows, session.reviewer, session.csrf))

    def submission(self, request: Request) -> Response:
        """Show one submission with its review sheet."""
        session, case = _session(request), self._case(request)
        if case.refused:
            return HTMLResponse(pages.render_note(case.shown, f"This cannot be reviewed: {case.refused}."), 409)
        reviews = self._book.reviews(case.name)
        names = [other.shown for other in self._queue.cases() if not other.refused]
        view = views.sheet(case, names, reviews, self._rubric, self._book.needed(), session.reviewer)
        return HTMLResponse(pages.render_sheet(view, session.reviewer, session.csrf))

    def report(self, request: Request) -> Response:
        """Show the report, without the marks until this reviewer's own are in."""
        session, case = _session(request), self._case(request)
        page = views.report(self._store, self._rubric, self._book.review(case.key), case, session.reviewer)
        headers = {"Content-Security-Policy": REPORT_POLICY, "X-Frame-Options": "SAMEORIGIN"}
        return HTMLResponse(page, headers=headers)

    # --- changes -----------------------------------------------------------------------------------------------------

    def save(self, request: Request, body: bytes) -> Response:
        """Keep one item of one's own sheet."""
        change, key, item = self._read(request, body, Save), self._case(request).key, self._item(request)
        reviewer = _session(request).reviewer
        try:
            return _entry(self._book.save(key, reviewer, item, change.mark, change.comment, change.seen))
        except Stale as error:
            there = self._book.review(key).sheet(reviewer).given[item.id]
            said = {"mark": there.mark, "comment": there.comment, "number": there.number}
            return JSONResponse({"error": str(error), "there": said}, 409)

    def hand_in(self, request: Request, body: bytes) -> Response:
        """Close one's own sheet."""
        self._read(request, body, Change)
        key = self._case(request).key
        return self._publish(key, self._book.hand_in(key, _session(request).reviewer, self._rubric.reviews))

    def take_back(self, request: Request, body: bytes) -> Response:
        """Open one's own sheet again."""
        self._read(request, body, Change)
        key = self._case(request).key
        return self._publish(key, self._book.take_back(key, _session(request).reviewer))

    def settle(self, request: Request, body: bytes) -> Response:
        """Set a common mark."""
        change, key, item = self._read(request, body, Settle), self._case(request).key, self._item(request)
        entry = self._book.settle(key, _session(request).reviewer, item, change.mark, change.seen)
        return self._publish(key, entry)

    # --- what they share ---------------------------------------------------------------------------------------------

    def publish_all(self) -> None:
        """Bring up to date what an earlier desk did not come to write."""
        there = {case.name for case in self._queue.cases()}
        for name in {name for name, _ in self._book.reviews()} & there:
            publish(self._store, self._rubric, name)
        self._write_index()

    def _publish(self, key: Key, entry: Entry) -> Response:
        with self._publishing:
            publish(self._store, self._rubric, key[0])
        response = _entry(entry)
        response.background = BackgroundTask(self._write_index)  # takes seconds where there are thousands
        return response

    def _write_index(self) -> None:
        with self._publishing:
            if self._store.index_is_old():
                self._store.index(self._rubric)

    def _case(self, request: Request) -> Case:
        case = self._queue.case(request.path_params["name"])
        if case is None:
            raise HTTPException(404, "There is no such submission.")
        return case

    def _item(self, request: Request) -> ReviewItem:
        for item in self._rubric.reviews:
            if item.id == request.path_params["item"]:
                return item
        raise HTTPException(404, "The rubric has no such item.")

    def _read(self, request: Request, body: bytes, kind: type[C]) -> C:
        case = self._case(request)
        if case.refused:
            raise Refused(f"this cannot be reviewed: {case.refused}")
        try:
            change = kind.model_validate_json(body)
        except ValidationError:
            raise HTTPException(422, "This is no change that the desk knows.") from None
        if change.digest != case.key[1]:
            raise Refused(AGAIN)
        return change


def build(book: Book, rubric: Rubric, sessions: Sessions, host: str, codes: Path | None = None) -> tuple[Desk, ASGIApp]:
    """Put the desk together; host is what browsers call it, like 127.0.0.1:8100; codes the book of a blind desk."""
    desk = Desk(book, rubric, sessions, codes)
    place = "/submissions/{name}"
    routes = [
        Route("/enter", desk.enter),
        Route("/static/desk.css", _static(pages.style(), "text/css")),
        Route("/static/desk.js", _static(pages.script(), "text/javascript")),
        Route("/", desk.queue),
        Route(place, desk.submission),
        Route(f"{place}/report", desk.report),
        Route(f"{place}/sheet/{{item}}", _changing(desk.save), methods=["PUT"]),
        Route(f"{place}/settled/{{item}}", _changing(desk.settle), methods=["PUT"]),
        Route(f"{place}/hand-in", _changing(desk.hand_in), methods=["POST"]),
        Route(f"{place}/take-back", _changing(desk.take_back), methods=["POST"]),
    ]
    refusals = {HTTPException: _refused, GraderError: _refused}
    guard = [Middleware(ExceptionMiddleware, handlers=refusals), Middleware(Guard, sessions=sessions, host=host)]
    app = Starlette(
        routes=routes, middleware=guard, exception_handlers={**refusals, Exception: _failed}, max_body_size=BODY_BYTES
    )
    app.router.redirect_slashes = False
    return desk, Armour(app)


def _session(request: Request) -> Session:
    session = request.scope["session"]
    assert isinstance(session, Session)  # the guard lets nobody else through
    return session


def _changing(change: Callable[[Request, bytes], Response]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(change, request, body)

    return answer


def _entry(entry: Entry) -> Response:
    return JSONResponse({"number": entry.number, "at": entry.at})


def _static(text: str, kind: str) -> Callable[[Request], Response]:
    return lambda request: Response(text, media_type=kind)


def _refused(request: Request, error: Exception) -> Response:
    """Say why not: 4xx for what was asked, 500 for a disk that does not do its part."""
    if isinstance(error, HTTPException):
        status, text = error.status_code, error.detail
    else:
        status, text = (409 if isinstance(error, Refused) else 500), str(error)
    if request.method in READING:
        return HTMLResponse(pages.render_note("Not here" if status == 404 else "Not possible", text), status)
    return JSONResponse({"error": text.rstrip(".")}, status)


def _failed(request: Request, error: Exception) -> Response:
    return _refused(request, HTTPException(500, "The desk failed; what was saved before is still there."))
