"""The desk over HTTP: who gets in, who sees what, and that what was answered is kept."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import folder
import pytest
from clients import Client, Place

from grader import blind, store
from grader.models import Rubric
from grader.review.book import COMMENT_CHARS
from grader.review.desk import app, sessions
from grader.store import Store

ALICE = ("alice", folder.FILES)
PAGES = ("/", "/submissions/alice", "/submissions/alice/report")
CHANGES = (
    ("PUT", "/submissions/alice/sheet/review.scan", {"digest": folder.FILES, "mark": 1, "comment": "x", "seen": 0}),
    ("PUT", "/submissions/alice/settled/review.scan", {"digest": folder.FILES, "mark": 1, "seen": 0}),
    ("POST", "/submissions/alice/hand-in", {"digest": folder.FILES}),
    ("POST", "/submissions/alice/take-back", {"digest": folder.FILES}),
)


# --- who gets in ------------------------------------------------------------------------------------------------------


def test_a_link_works_once(desk: Place) -> None:
    """The token is exchanged for a session and dead from then on, for other browsers and other methods."""
    token = desk.sessions.invite("ann")
    assert desk.client().ask("HEAD", f"/enter?token={token}").status == 405  # looked at by a mail program, say
    answer = desk.client().get(f"/enter?token={token}")
    assert answer.status == 200 and token not in answer.text
    assert re.fullmatch(r"desk_session=[\w-]{43}; HttpOnly; Path=/; SameSite=strict", answer.headers["set-cookie"])
    again = desk.client().get(f"/enter?token={token}")
    assert again.status == 403 and "set-cookie" not in again.headers


def test_a_link_that_is_followed_twice_at_once_works_once(desk: Place) -> None:
    """Twenty browsers race for one token; one of them is in."""
    token = desk.sessions.invite("ann")
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(desk.client().get(f"/enter?token={token}").status))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200] + [403] * 19


def test_a_link_is_not_used_up_by_fetching_ahead(desk: Place) -> None:
    """Browsers that fetch what one may be about to open are told no, and the link stays good."""
    token = desk.sessions.invite("ann")
    assert desk.client().get(f"/enter?token={token}", Sec_Purpose="prefetch;prerender").status == 403
    assert desk.client().get(f"/enter?token={token}").status == 200


@pytest.mark.parametrize("token", ["", "x", "%00", "%ff%fe", "a" * 5000])
def test_a_guessed_token_is_refused(desk: Place, token: str) -> None:
    """Whatever it is, it is no link of this desk."""
    desk.sessions.invite("ann")
    assert desk.client().get(f"/enter?token={token}").status == 403


def test_without_a_session_there_is_nothing(desk: Place) -> None:
    """No cookie, a made-up one, or one of an earlier desk: no page, no change, and no hint what there is."""
    for cookie in ("", "x" * 43, desk.sessions.invite("ann")):
        client = Client(desk.host, cookie)
        for path in (*PAGES, "/submissions/nobody", "/reviews.sqlite", "/static"):
            answer = client.get(path)
            assert answer.status == 403 and "alice" not in answer.text, path
        for method, path, body in CHANGES:
            assert client.ask(method, path, body).status == 403, path
    assert not desk.book.reviews()


def test_a_session_ends(desk: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that was forgotten open is out after half a day."""
    assert desk.client("ann").get("/").status == 200
    monkeypatch.setattr(sessions, "SESSION_S", -1.0)
    answer = desk.client().get(f"/enter?token={desk.sessions.invite('ann')}")
    cookie = answer.headers["set-cookie"].split(";")[0].split("=")[1]
    assert answer.status == 200 and Client(desk.host, cookie).get("/").status == 403


def test_the_first_page_may_be_loaded_again(desk: Place) -> None:
    """Who is in and goes back to the link is led on, not out."""
    client = desk.client("ann")
    answer = client.get("/enter?token=used")
    assert answer.status == 200 and 'content="0;url=/"' in answer.text and "set-cookie" not in answer.headers


# --- from where -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost:{port}", "127.0.0.1", "127.0.0.1:1", "evil.example:{port}", ""]
)
def test_another_name_for_this_machine_is_refused(desk: Place, host: str) -> None:
    """A page whose name an attacker points at 127.0.0.1 gets nothing, not even with the cookie."""
    client, name = desk.client("ann"), host.format(port=desk.host.split(":")[1])
    for path in (*PAGES, "/static/desk.js", "/enter?token=" + desk.sessions.invite("ben")):
        assert client.get(path, Host=name).status == 421
    for method, path, body in CHANGES:
        assert client.ask(method, path, body, Host=name, Origin=f"http://{name}").status == 421
    assert not desk.book.reviews()
    assert client.get("/", Host=None).status == 400


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://{host}", "http://127.0.0.1:1", None, ""])
def test_a_change_comes_from_our_own_pages(desk: Place, origin: str | None) -> None:
    """Another origin, none, or an opaque one changes nothing."""
    client = desk.client("ann")
    for method, path, body in CHANGES:
        answer = client.ask(method, path, body, Origin=origin and origin.format(host=desk.host))
        assert answer.status == 403 and "own pages" in answer.json["error"]
    assert not desk.book.reviews()


def test_a_change_carries_the_token_of_its_session(desk: Place) -> None:
    """Without the CSRF token, with another reviewer's, or with the cookie in its place: refused."""
    client, other = desk.client("ann"), desk.client("ben")
    for token in (None, "", other.csrf, client.cookie, "\xff"):
        for method, path, body in CHANGES:
            assert client.ask(method, path, body, X_CSRF_Token=token).status == 403
    assert not desk.book.reviews()
    assert client.save("review.scan", 1).status == 200


def test_other_sites_may_link_here_and_nothing_else(desk: Place) -> None:
    """What a browser says it fetches for another site (or another port) is refused, a followed link is not."""
    client = desk.client("ann")
    for site in ("cross-site", "same-site"):
        assert client.get("/", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="image").status == 403
        assert client.get("/", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="iframe").status == 403
        assert client.get("/", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document").status == 200
        for method, path, body in CHANGES:
            assert client.ask(method, path, body, Sec_Fetch_Site=site).status == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None]
)
def test_forms_change_nothing(desk: Place, kind: str | None) -> None:
    """What a form of another site can send without asking is not what the desk reads."""
    client = desk.client("ann")
    method, path, body = CHANGES[0]
    assert client.ask(method, path, body, Content_Type=kind).status == 415
    for wrong in ("POST", "PATCH", "DELETE", "OPTIONS"):
        assert client.ask(wrong, path, body).status == 405
    assert client.ask("PUT", "/submissions/alice/hand-in", {"digest": folder.FILES}).status == 405
    for path in PAGES:
        assert client.ask("POST", path, {}).status == 405
    assert not desk.book.reviews()


# --- what answers carry -----------------------------------------------------------------------------------------------


def test_every_answer_carries_the_headers(desk: Place) -> None:
    """Pages, files, refusals and errors alike."""
    client, nobody = desk.client("ann"), desk.client()
    answers = [
        client.get(path) for path in (*PAGES, "/static/desk.css", "/static/desk.js", "/nothing", "/submissions/x")
    ]
    answers += [nobody.get("/"), nobody.get("/", Host="evil.example"), client.save("review.scan", 1)]
    answers += [client.ask("POST", "/", {}), client.ask("PUT", CHANGES[0][1], b"x" * 300_000)]
    assert {answer.status for answer in answers} == {200, 403, 404, 405, 413, 421}
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors" in policy and "base-uri 'none'" in policy
        assert "script-src 'self'" in policy or "sandbox;" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] in ("DENY", "SAMEORIGIN")
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers and "access-control-allow-origin" not in answer.headers


def test_pages_have_nothing_inline(desk: Place) -> None:
    """No page needs what its policy forbids: no inline script, style or handler."""
    client = desk.client("ann")
    for path in PAGES[:2]:
        page = client.get(path).text
        assert not re.search(r"<style|<script(?! src=\"/static/desk\.js\")|\son\w+=|\sstyle=|javascript:", page)
        assert "unsafe-inline" not in client.get(path).headers["content-security-policy"]


def test_the_report_has_no_rights(desk: Place) -> None:
    """It is a candidate's text: in a sandbox without scripts or origin, wherever it is opened."""
    answer = desk.client("ann").get("/submissions/alice/report")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'") and "script-src" not in policy and "allow-" not in policy
    assert re.search(r"<iframe[^>]* sandbox></iframe>", desk.client("ann").get("/submissions/alice").text)


# --- what comes in ----------------------------------------------------------------------------------------------------


def test_a_body_has_a_limit(desk: Place) -> None:
    """What is too large is not read, whether it says its length or not; the largest comment fits."""
    client = desk.client("ann")
    method, path, _ = CHANGES[0]
    assert client.ask(method, path, b"x" * 200_000).status == 413
    assert client.ask(method, path, b"", Content_Length="99999999999").status == 413
    chunks = b"".join(b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n" for _ in range(4)) + b"0\r\n\r\n"
    assert client.ask(method, path, chunks, Transfer_Encoding="chunked", Content_Length=None).status in (400, 413)
    assert client.save("review.scan", 1, "\U0001f469" * COMMENT_CHARS).status == 200
    answer = client.save("review.shapes", 1, "x" * (COMMENT_CHARS + 1))
    assert answer.status == 409 and "10,001 characters" in answer.json["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 50_000, b'{"digest": NaN}',
        {"digest": folder.FILES}, {"digest": folder.FILES, "mark": 1, "comment": "", "seen": 0, "reviewer": "ben"},
        {"digest": folder.FILES, "mark": True, "comment": "", "seen": 0},
        {"digest": folder.FILES, "mark": 1.5, "comment": "", "seen": 0},
        {"digest": folder.FILES, "mark": "1", "comment": "", "seen": 0},
        {"digest": folder.FILES, "mark": 1, "comment": None, "seen": 0},
        {"digest": [], "mark": 1, "comment": "", "seen": 0},
    ],
)  # fmt: skip
def test_what_is_no_change_is_refused(desk: Place, body: object) -> None:
    """Broken or surplus data is an error of the one who sent it, never of the desk."""
    answer = desk.client("ann").ask("PUT", CHANGES[0][1], body)
    assert answer.status == 422 and answer.json["error"]
    assert not desk.book.reviews()


@pytest.mark.parametrize("mark", [-1, 3, 10**30])
def test_a_mark_off_its_scale_is_refused(desk: Place, mark: int) -> None:
    """Neither negative nor above what the rubric says, whatever its size."""
    assert desk.client("ann").save("review.scan", mark).status in (409, 422)
    assert not desk.book.reviews()


@pytest.mark.parametrize(
    "name",
    ["..", "%2e%2e", "..%2f..%2fetc", "%2e%2e%2freports%2falice", "alice%2f..%2falice", "alice%00", "%5c", ".hidden",
     "history", "alice%2fhistory", "reviews.sqlite", "index.html", "torn%0a", "ALICE", "a" * 300, "%ff"],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(desk: Place, name: str) -> None:
    """Names are those of the queue; a path, an encoded one, or a file of another kind is not there."""
    (desk.store.folder.parent / "scorecard.json").write_text(folder.graded(desk.rubric, "reports").to_json())
    (desk.store.folder / ".hidden").mkdir()
    (desk.store.folder / ".hidden" / "scorecard.json").write_text(folder.graded(desk.rubric, ".hidden").to_json())
    client = desk.client("ann")
    for path in (f"/submissions/{name}", f"/submissions/{name}/report"):
        assert client.get(path).status == 404, path
    assert client.save("review.scan", 1, name=name).status in (404, 405)
    assert client.save(name, 1).status in (404, 405)


def test_a_partial_run_is_marked_in_queue_and_sheet(desk: Place) -> None:
    """Who reviews knows that the score is of a few criteria."""
    card = desk.store.scorecard("alice")
    desk.store.keep(card.model_copy(update={"run": card.run.model_copy(update={"only": "gpt.*"})}))
    client = desk.client("ann")
    assert ">only gpt.*</small>" in client.get("/").text
    assert "80 of 100, only gpt.*" in client.get("/submissions/alice").text


def test_a_scorecard_that_tells_another_name_is_left_out(desk: Place) -> None:
    """A scorecard that says it is somebody else's cannot take marks along, nor lead elsewhere."""
    for name in ("bob", "../../etc", "a/b"):
        place = desk.store.folder / "eve"
        place.mkdir(exist_ok=True)
        (place / "scorecard.json").write_text(folder.graded(desk.rubric, name).to_json())
        assert desk.client("ann").get("/submissions/eve").status == 404
        assert "eve" not in desk.client("ann").get("/").text


def test_what_cannot_be_reviewed_says_why(desk: Place) -> None:
    """A rejected submission is in the queue, and takes no marks."""
    client = desk.client("ann")
    assert "there is nothing to weigh" in client.get("/").text
    assert client.get("/submissions/torn").status == 409
    assert client.ask("PUT", "/submissions/torn/sheet/review.scan", CHANGES[0][2] | {"digest": ""}).status == 409
    assert not desk.book.reviews()


# --- blind ------------------------------------------------------------------------------------------------------------


def told(client: Client) -> str:
    """Give every word that a reviewer can get from the desk by reading."""
    ends = ("", "/report")
    return "\n".join(
        client.get(path).text for path in ("/", *(f"/submissions/{n}{e}" for n in ("alice", "bob") for e in ends))
    )


def test_a_reviewer_learns_nothing_of_the_others_marks_before_both_are_in(desk: Place) -> None:
    """By no route: neither marks nor comments nor the final mark, also where one sheet is enough to be final."""
    ann, ben = desk.client("ann"), desk.client("ben")
    assert ann.hand_in(4, 3, 2, says="SECRET-OF-ANN").status == 200
    final = desk.store.scorecard("alice").final
    assert final is not None  # one is enough here: it is in the scorecard
    there = desk.book.review(ALICE).sheet("ann").given["review.scan"].number
    refusals = [ben.ask(method, path, body) for method, path, body in CHANGES[1:]]
    draft = ben.save("review.scan", 0, "draft", seen=there)
    assert [answer.status for answer in (*refusals, draft, ben.save("review.scan", 1))] == [409, 409, 409, 200, 409]
    said = "\n".join([told(ben), draft.text, ben.save("review.scan", 1).text, *(answer.text for answer in refusals)])
    assert "SECRET-OF-ANN" not in said and "ann" not in re.sub(r"canno?t|Scan|scan", "", said)
    assert f"{final:g}" not in said and '<li class="given">' not in said
    assert not re.search(r"<b>\d</b> / [42]<", said)
    assert "1 of 1" in said  # that a sheet is in is no secret
    assert "SECRET-OF-ANN" in told(ann) and f"{final:g}" in told(ann)


def test_a_blind_desk_names_nobody_and_marks_the_right_submission(
    open_desk: Callable[..., Place], reports: Store, rubric: Rubric, tmp_path: Path
) -> None:
    """Queue, pages, addresses and reports have code names; marks still go to the submission itself."""
    named = folder.graded(rubric, message="File /home/alice/minigpt.py, by Alice")
    reports.keep(named.model_copy(update={"notes": "-- Alice"}))
    desk = open_desk(tmp_path / "codes.jsonl")
    ann = desk.client("ann")
    codes = blind.read(tmp_path / "codes.jsonl")
    assert set(codes) == {"alice", "bob", "torn"}
    code = codes["alice"]
    pages = [ann.get(path).text for path in ("/", f"/submissions/{code}", f"/submissions/{code}/report")]
    assert all(code in page for page in pages)
    text = re.sub('<meta name="csrf" content="[^"]+">', "", "".join(pages))  # random letters, which may say bob
    assert not re.search("alice|bob|torn", text, re.IGNORECASE)
    assert ann.get("/submissions/alice").status == ann.get("/submissions/alice/report").status == 404
    assert ann.hand_in(4, 3, 2, name=code).status == 200
    assert desk.store.scorecard("alice").final is not None and desk.store.scorecard("bob").final is None
    shown = re.findall(r'<a class="open" href="/submissions/([^"]+)"', pages[0])
    assert sorted(shown) == shown and set(shown) == set(codes.values())  # not in the order of the names


def test_after_both_are_in_each_sees_the_other(desk: Place) -> None:
    """Marks, comments and the distance are shown, and the report has what goes into the scorecard."""
    desk.book.need(2)
    ann, ben = desk.client("ann"), desk.client("ben")
    ann.hand_in(4, 3, 2, says="SECRET-OF-ANN")
    assert "SECRET-OF-BEN" not in told(ann) and desk.store.scorecard("alice").reviews[0].comment == ""
    ben.save("review.scan", 0, "SECRET-OF-BEN")
    assert "SECRET-OF-BEN" not in told(ann)
    for item, mark in zip(folder.ITEMS, (1, 3, 2), strict=True):
        there = desk.book.review(ALICE).sheet("ben").given.get(item)
        assert ben.save(item, mark, "SECRET-OF-BEN", there.number if there else 0).status == 200
    assert ben.ask("POST", "/submissions/alice/hand-in", {"digest": folder.FILES}).status == 200
    for client in (ann, ben):
        page = client.get("/submissions/alice").text
        assert (
            "SECRET-OF-ANN" in page and "SECRET-OF-BEN" in page and "3 apart" in page and "1 item is to settle" in page
        )
        assert "SECRET-OF-ANN" in client.get("/submissions/alice/report").text


def test_a_disagreement_is_settled_into_the_scorecard(desk: Place) -> None:
    """Until then there is no final mark; then there is, with who settled it."""
    desk.book.need(2)
    ann, ben = desk.client("ann"), desk.client("ben")
    ann.hand_in(4, 3, 2)
    ben.hand_in(1, 2, 2)
    assert desk.store.scorecard("alice").final is None
    body = {"digest": folder.FILES, "mark": 2, "seen": 0}
    answer = ben.ask("PUT", "/submissions/alice/settled/review.debugging", body)
    assert answer.status == 200
    card = desk.store.scorecard("alice")
    assert card.final is not None and (card.reviews[0].mark, card.reviews[0].by) == (2, ("ben",))
    assert card.reviews[1].mark == 2.5 and card.reviews[1].by == ("ann", "ben")
    stale = ann.ask("PUT", "/submissions/alice/settled/review.debugging", body | {"mark": 4})
    assert stale.status == 409 and "ben settled this at 2" in stale.json["error"]
    assert f"{card.final:g} final" in ann.get("/submissions/alice").text


def test_marks_of_other_files_belong_to_an_earlier_submission(desk: Place) -> None:
    """After a regrade of other files the sheet is empty, and one's own old marks are shown as old."""
    ann, ben = desk.client("ann"), desk.client("ben")
    ann.hand_in(4, 3, 2, says="SAID-OF-THE-OLD")
    desk.store.keep(folder.graded(desk.rubric, digest=folder.OTHER_FILES))
    page = ann.get("/submissions/alice").text
    assert "earlier submission of this name" in page and "SAID-OF-THE-OLD" in page and 'value="4" checked' not in page
    assert "SAID-OF-THE-OLD" not in told(ben)
    answer = ann.save("review.scan", 1)  # a page that is still open from before
    assert answer.status == 409 and "graded again from other files" in answer.json["error"]


# --- kept -------------------------------------------------------------------------------------------------------------


def test_what_was_answered_is_on_the_disk(desk: Place) -> None:
    """Another program that opens the file sees what the desk has said is saved."""
    entry = desk.client("ann").save("review.scan", 2, "as typed").json
    with closing(sqlite3.connect(desk.book.path)) as connection:
        row = connection.execute(
            "SELECT reviewer, mark, comment FROM entries WHERE number = ?", [entry["number"]]
        ).fetchone()
    assert row == ("ann", 2, "as typed")


def test_two_windows_are_told_of_each_other(desk: Place) -> None:
    """The second gets the other's text along with the refusal, so that nothing has to be guessed."""
    ann = desk.client("ann")
    first = ann.save("review.scan", 2, "one").json["number"]
    answer = ann.save("review.scan", 1, "two")
    assert answer.status == 409 and answer.json["there"] == {"mark": 2, "comment": "one", "number": first}
    assert ann.save("review.scan", 1, "two", first).status == 200


def test_a_comment_comes_back_into_its_field_as_it_was_typed(desk: Place) -> None:
    """Markup, bidi marks, emoji and a leading line end are the reviewer's own text: shown in the field verbatim."""
    typed = "\n</textarea><script>x</script>\u202e\U0001f469\u200d\U0001f4bb\ufe0f & \"'"
    ann = desk.client("ann")
    ann.save("review.scan", 2, typed)
    field = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", ann.get("/submissions/alice").text, re.DOTALL)[2]
    assert (
        field
        == "\n&lt;/textarea&gt;&lt;script&gt;x&lt;/script&gt;\u202e\U0001f469\u200d\U0001f4bb\ufe0f &amp; &#34;&#39;"
    )


def test_what_others_wrote_is_shown_not_obeyed(desk: Place) -> None:
    """In a comparison, markup is text and what acts or hides is named."""
    ann, ben = desk.client("<b>ann"), desk.client("ben")
    ann.hand_in(1, 1, 1, says="<img src=x onerror=alert(1)>\u202e\x1b[31m")
    ben.hand_in(1, 1, 1)
    page = ben.get("/submissions/alice").text
    assert "&lt;img src=x onerror=alert(1)&gt;[U+202E][U+001B][31m" in page and "&lt;b&gt;ann" in page
    assert "<img" not in page and "\u202e" not in page and "\x1b" not in page


def test_a_full_disk_is_said_and_costs_no_mark(desk: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the scorecard cannot be written the answer says so; the sheet is in, and the next desk writes it."""

    def full(*_: object) -> None:
        raise store.HarnessError("scorecard.json cannot be written: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(store, "write", full)
        answer = desk.client("ann").hand_in(4, 3, 2)
        assert answer.status == 500 and "No space left" in answer.json["error"]
    assert desk.book.review(ALICE).sheet("ann").handed_in and desk.store.scorecard("alice").final is None
    app.Desk(desk.book, desk.rubric, desk.sessions).publish_all()
    assert desk.store.scorecard("alice").final is not None
    assert f"{desk.store.scorecard('alice').final:g}" in (desk.store.folder / "index.html").read_text()
