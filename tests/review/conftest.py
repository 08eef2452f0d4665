"""A reports folder and a desk over it that really listens."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import folder
import pytest
import uvicorn
from clients import Place

from grader.models import Rubric
from grader.review.book import Book
from grader.review.desk import app
from grader.review.desk.sessions import Sessions
from grader.store import Store


@pytest.fixture
def rubric(tmp_path: Path) -> Rubric:
    return folder.rubric(tmp_path)


@pytest.fixture
def reports(tmp_path: Path, rubric: Rubric) -> Store:
    """A folder with alice, bob and a rejected submission."""
    store = folder.store(tmp_path / "reports", rubric)
    for card in (folder.graded(rubric), folder.graded(rubric, "bob"), folder.rejected(rubric, "torn")):
        store.keep(card)
        store.report(card, rubric)
    return store


@pytest.fixture
def open_desk(reports: Store, rubric: Rubric) -> Iterator[Callable[..., Place]]:
    """Open a desk over the folder in this process, on a port of its own."""
    running = []

    def opened(codes: Path | None = None) -> Place:
        listening = socket.create_server(("127.0.0.1", 0))
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        sessions, book = Sessions(), Book(reports.folder)
        _, application = app.build(book, rubric, sessions, host, codes)
        config = uvicorn.Config(
            application, log_level="critical", access_log=False, server_header=False, lifespan="off"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        running.append((server, thread, listening))
        return Place(host, sessions, book, reports, rubric)

    yield opened
    for server, thread, listening in running:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture
def desk(open_desk: Callable[..., Place]) -> Place:
    return open_desk()
