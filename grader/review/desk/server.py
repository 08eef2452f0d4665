"""Open the desk on this machine, print its links, and close it with Ctrl-C."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import uvicorn

from grader.errors import HarnessError, UsageError
from grader.models import Rubric
from grader.review.book import Book
from grader.review.desk import app
from grader.review.desk.sessions import Sessions
from grader.terminal import safe

LOOPBACK = "127.0.0.1"  # nobody else's machine reaches it
CONNECTIONS = 200
CLOSING_S = 5


def run(book: Book, rubric: Rubric, reviewers: list[str], port: int, codes: Path | None = None) -> int:
    """Serve until Ctrl-C. Raises UsageError where the port is taken, HarnessError where the book cannot be used."""
    try:
        listening = socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise UsageError(f"--port {port}: {error.strerror}; leave it out to take a free one") from None
    with listening:
        host = f"{LOOPBACK}:{listening.getsockname()[1]}"
        sessions = Sessions()
        desk, application = app.build(book, rubric, sessions, host, codes)
        try:
            desk.publish_all()
        except HarnessError as error:
            print(f"warning: {safe(str(error))}", file=sys.stderr, flush=True)
        config = uvicorn.Config(
            application,
            access_log=False,  # a log would keep tokens
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="off",
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=CLOSING_S,
        )
        names = "; names are code names" if codes else ""
        print(f"the desk is open on this machine; {book.folder.absolute()}{names}", flush=True)
        _print_links(sessions, host, reviewers)
        if sys.stdin.isatty():
            threading.Thread(target=_answer_enter, args=(sessions, host, reviewers), daemon=True).start()
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:
            pass
    print("the desk is closed; everything that was typed is kept", flush=True)
    return 0


def _print_links(sessions: Sessions, host: str, reviewers: list[str]) -> None:
    width = max(len(safe(who)) for who in reviewers)
    for who in reviewers:
        print(f"  {safe(who):<{width}}  http://{host}/enter?token={sessions.invite(who)}", flush=True)
    print("Each link works once, in one browser. Enter prints fresh ones, Ctrl-C closes the desk.", flush=True)


def _answer_enter(sessions: Sessions, host: str, reviewers: list[str]) -> None:
    for _ in sys.stdin:
        _print_links(sessions, host, reviewers)
