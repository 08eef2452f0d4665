"""Clients of a desk that send what they like."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass, field
from typing import Any

import folder

from grader.models import Rubric
from grader.review.book import Book
from grader.review.desk.sessions import COOKIE, Sessions
from grader.store import Store


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Client:
    """One browser, or what pretends to be one; it sends its cookie and the headers of the desk's own pages."""

    host: str
    cookie: str = ""
    csrf: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: object = None, **headers: str | None) -> Answer:
        """Send one request; a header given as None is left out, underscores stand for hyphens."""
        sent: dict[str, str | None] = {"Host": self.host, "Cookie": f"{COOKIE}={self.cookie}" if self.cookie else None}
        if method not in ("GET", "HEAD"):
            sent |= {"Origin": f"http://{self.host}", "X-CSRF-Token": self.csrf, "Content-Type": "application/json"}
        sent |= self.extra | {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.host, timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                if value is not None:
                    connection.putheader(name, value)
            if data is not None and not {"Content-Length", "Transfer-Encoding"} & set(sent):
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())
        finally:
            connection.close()

    def get(self, path: str, **headers: str | None) -> Answer:
        return self.ask("GET", path, **headers)

    def enter(self, token: str) -> Client:
        """Follow a printed link."""
        answer = self.get(f"/enter?token={token}")
        assert answer.status == 200, answer.text
        self.cookie = answer.headers["set-cookie"].split(";")[0].removeprefix(f"{COOKIE}=")
        self.csrf = re.search(r'<meta name="csrf" content="([^"]+)">', self.get("/").text)[1]  # type: ignore[index]
        return self

    def save(self, item: str, mark: int | None, comment: str = "", seen: int = 0, name: str = "alice") -> Answer:
        body = {"digest": folder.FILES, "mark": mark, "comment": comment, "seen": seen}
        return self.ask("PUT", f"/submissions/{name}/sheet/{item}", body)

    def hand_in(self, *given: int, says: str = "", name: str = "alice") -> Answer:
        """Fill a sheet, and hand it in."""
        for item, mark in zip(folder.ITEMS, given, strict=True):
            assert self.save(item, mark, says, name=name).status == 200
        return self.ask("POST", f"/submissions/{name}/hand-in", {"digest": folder.FILES})


@dataclass
class Place:
    """A desk that is open, and what lies behind it."""

    host: str
    sessions: Sessions
    book: Book
    store: Store
    rubric: Rubric

    def client(self, who: str = "") -> Client:
        """Give a client of a reviewer, or of nobody."""
        client = Client(self.host)
        return client.enter(self.sessions.invite(who)) if who else client
