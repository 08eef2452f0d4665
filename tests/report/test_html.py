"""The report says what the scorecard says, needs nothing else, and obeys nothing that a submission wrote."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cards
import pytest

from grader import score
from grader.models import CheckResult, Question, Scorecard, Verdict
from grader.report import ask, html, view
from grader.report.words import MARKS

ROOT = Path(__file__).resolve().parent.parent.parent


class Outline(HTMLParser):
    """Collect what a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: dict[str, list[str]] = {}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        self._open = tag

    def handle_data(self, data: str) -> None:
        self.text.setdefault(self._open, []).append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.tags if "id" in attrs]


def report(card: Scorecard) -> str:
    return html.render_report(card, cards.rubric())


def test_every_criterion_has_an_anchor_and_only_what_was_lost_is_open(card: Scorecard) -> None:
    """`#cache.decode` leads to cache.decode in every report; failures are open, what holds or was told above folds."""
    details = Outline(report(card)).all("details")
    found = {a["id"]: "open" in a for a in details if a["class"].startswith("criterion")}
    assert list(found) == [result.id for result in card.criteria]
    told = {result.id for cause in view.causes(card) for result in cause.told}
    for result in card.criteria:
        assert found[result.id] == (view.lost(result) and result.id not in told), result.id


def test_ids_are_unique_and_every_link_within_the_page_leads_somewhere(card: Scorecard) -> None:
    """No anchor of the report is dead or ambiguous."""
    outline = Outline(report(card))
    ids = outline.ids()
    assert len(ids) == len(set(ids))
    for link in outline.all("a"):
        if link["href"].startswith("#"):
            assert link["href"][1:] in ids
        else:  # of the notes, which lead nowhere but to the web and say so
            assert link["href"].startswith("https://") and link["rel"] == "noopener noreferrer nofollow"


def test_the_first_lines_hold_the_verdict() -> None:
    """Name, score, bonus, what was lost and what waits for a person stand above everything else."""
    top = report(cards.partial()).split("</header>")[0]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", top))
    card = cards.partial()
    assert card.score is not None
    for said in (
        "bob",
        f"{card.score:.2f} / 100",
        "+2 bonus",
        "pending",
        "9 of 24 criteria are not accepted",
        "gpt.logits 10",
    ):
        assert said in text, said
    for section in ("Model", "KV cache", "Matmul", "Scan"):
        assert section in text
    assert "matmul.timing measured inconclusive" in text and "memory: no control group here" in text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (cards.full, "All 23 criteria are accepted."),
        (cards.part_b, "73 points: minigpt.py is not in the submission."),
        (cards.rejected, "Rejected, so nothing was run: the archive is broken"),
        (cards.broken, "No score, by a fault of the harness: check loads failed"),
    ],
)
def test_each_outcome_has_its_sentence(kind: type, said: str) -> None:
    """Full marks, a missing part, a rejection and a fault of ours are told apart in the first sentence."""
    page = report(kind())
    assert said in page
    assert ("no score" in page) == (kind is cards.broken)


def test_a_failed_check_shows_what_a_reader_needs() -> None:
    """Claim, expected against actual, first divergence, tolerance, error with place and trace, and the command."""
    page = report(cards.partial())
    body = page.split('id="gpt.logits"')[1].split('id="gpt.loss"')[0]
    for said in (
        "On fresh weights and tokens, at every position and length", "1.20415", "0.731284", "[b, t, v] [0, 1, 4]",
        "1,460", "0.0005", "0.42 s", "◀ first", "(learned)",
        "grade SUBMISSION --only gpt.logits --seed 20260101 --out again",
    ):  # fmt: skip
        assert said in body, said
    assert "first divergence" in page.split('id="gpt.causality"')[1].split('id="gpt.logits"')[0]
    fault = page.split('id="matmul.batched"')[1].split('id="matmul.broadcast"')[0]
    for said in (
        "RuntimeError",
        "matmul.py:31",
        "shapes cannot be multiplied",
        "in reduce: return grad.sum(0).view(shape)",
    ):
        assert said in fault, said


def only(*checks: CheckResult, criterion: str = "gpt.logits") -> str:
    """Give the report of one criterion that has these checks."""
    card = cards.full()
    found = next(result for result in card.criteria if result.id == criterion)
    verdict = checks[0].verdict
    found = found.model_copy(update={"verdict": verdict, "earned": 0.0, "checks": checks})
    return report(card.model_copy(update={"criteria": (found,)}))


WRONG = "a logit differs at [t] [3]: 0.25, expected 1.5; largest difference 4, tolerance 0.0005"
NUMBERS = {"expected": 1.5, "actual": 0.25, "first_divergence": "[t] [3]", "max_abs_diff": 4.0, "atol": 5e-4}


def test_what_the_message_says_is_not_said_again_in_rows() -> None:
    """A number stands once: in the message, or in a row where the message does not say it."""
    rows = re.findall(r'<th scope="row">([^<]+)</th><td>', only(cards.check("a", "wrong_answer", WRONG, **NUMBERS)))
    assert [row for row in rows if row in ("expected", "actual", "difference", "first divergence", "tolerance")] == []
    assert "largest difference" not in rows and "times the tolerance" in rows
    nowhere = only(cards.check("a", "wrong_answer", "it is wrong", **NUMBERS | {"first_divergence": "its one value"}))
    assert "its one value" not in nowhere and "largest difference" in nowhere
    other = only(cards.check("a", "wrong_answer", "a logit of 11.5 or 0.25.1 differs", **NUMBERS))
    assert {"expected", "actual", "difference", "first divergence", "tolerance"} <= set(
        re.findall(r'<th scope="row">([^<]+)</th><td>', other)
    )


def test_an_exception_is_told_once() -> None:
    """Its kind, place and text stand where the message lacks them; what its verdict means is said."""
    told = "run raised RuntimeError at matmul.py:31: mat1 and mat2 shapes cannot be multiplied (12x7 and 5x7)"
    for message in (told, "it failed"):
        page = only(cards.check("a", "runtime_error", message, error=cards.ERROR))
        checks = page.split('<ul class="checks">')[1].split("</ul>")[0]
        assert ("<strong>RuntimeError</strong>" in checks) == (message != told)
        assert checks.count("shapes cannot be multiplied") == 1 and "in reduce: return" in checks
        assert "runtime error: it raised an exception" in checks
    wrong = only(cards.check("a", "wrong_answer", "it is wrong", **NUMBERS))
    assert "it ran and gave something else" not in wrong


def test_what_fails_in_the_same_way_under_another_scheme_folds() -> None:
    """A fault is read once: learned open, rope folded and marked, unless it fails otherwise."""
    again = WRONG.replace("0.25", "-7e-05").replace("[3]", "[11]")
    for message, folded in ((again, True), ("a logit: 3 of 40 values are not finite", False)):
        page = only(
            cards.check("equal[learned]", "wrong_answer", WRONG, **NUMBERS),
            cards.check("equal[rope]", "wrong_answer", message, atol=1e-3),
        )
        assert re.findall(r'<details class="check"( open)?>', page) == [" open", "" if folded else " open"]
        assert ("wrong answer, likewise" in page) == folded


def test_a_missing_file_is_one_line() -> None:
    """Who left out a file sees it once with what it costs, and once among the questions; its criteria are folded."""
    page = report(cards.part_b())
    assert "15 criteria, 73 points: minigpt.py is not in the submission." in page
    first = page.split('id="gpt.load"')[1].split('id="gpt.causality"')[0]
    assert first.count("minigpt.py is not in the submission") == 1
    asked = [found.question for found in ask.questions(cards.part_b(), cards.rubric())]
    assert [text for text in asked if "minigpt.py" in text] == asked[:1] and len(asked) > 1


def test_one_fault_that_many_criteria_share_is_told_once() -> None:
    """A file that does not import is one cause: in the headline, among the questions, and open where it comes first."""
    fault, other = "minigpt.py does not import", "the loss is off"
    results = {
        c.id: (cards.check("a", "runtime_error", f"{call} raised SyntaxError at minigpt.py:7: {fault}"),)
        for c, call in zip(cards.rubric().criteria, ("importing", "build", "forward of it", "build"), strict=False)
    } | {"gpt.greedy": (cards.check("b", "wrong_answer", other),) * 2}
    card = score.build(cards.rubric(), cards.submission("bob"), cards.run(), results)
    page = report(card)
    said = "importing raised SyntaxError at minigpt.py:7: minigpt.py does not import"
    assert f"25 points: {said}. Besides:" in page and f"4 criteria, 25 points: {said}." in page
    assert re.findall(r'<details class="criterion fail" id="(\S+)" open', page) == ["gpt.load", "gpt.greedy"]
    asked = [found.question for found in ask.questions(card, cards.rubric())]
    greedy = next(line.question for line in cards.rubric().criteria if line.id == "gpt.greedy")
    assert asked[0].startswith(said) and asked[1] == greedy
    two = {name: results[name] for name in ("gpt.load", "gpt.causality")}
    told = report(score.build(cards.rubric(), cards.submission("bob"), cards.run(), two))
    assert 'class="cause"' not in told  # two may have two causes


def test_words_fit_what_they_stand_beside() -> None:
    """Identifiers keep their case, one is singular, a huge factor is no number, what is outside the score has none."""
    page = only(
        cards.check("a", "wrong_answer", "off", claim="torch.autograd.gradcheck passes.", max_abs_diff=62.5, atol=1e-10)
    )
    assert ">torch.autograd.gradcheck passes." in page and "62.5 (more than a million times the tolerance)" in page
    assert "measured several times" in MARKS[Verdict.inconclusive].meaning
    assert "Not accepted. Lost:" in page and "2026-01-01 09:30 UTC" in page
    outside = report(cards.full()).split('id="diagnosis.bugs"')[1].split("</summary>")[0]
    assert "<b>\u2013</b>" in outside and "/ 4" not in outside
    two = cards.full().model_copy(update={"submission": cards.submission("alice", files=("a", "b"))})
    assert "2 files handed in" in report(two)


def test_pictures_have_titles_and_text_alternatives() -> None:
    """Each picture is named and described for those who do not see it."""
    page = report(cards.partial())
    pictures = re.findall(
        r'<svg role="img" aria-labelledby="(\S+) (\S+)"[^>]*>\s*<title id="(\S+?)">(.+?)</title>'
        r'<desc id="(\S+?)">(.+?)</desc>',
        page,
    )
    titles = {title for *_, title, _, _ in [(p[0], p[1], p[2], p[3], p[4], p[5]) for p in pictures]}
    assert titles >= {
        "Expected and generated text", "Cost of one more token against T", "Ratio against its limit",
        "Difference of activations, module by position (first row, by itself)", "Which logits move when tokens change",
        "Error of the gradient, entry by entry",
    }  # fmt: skip
    assert all((a, b) == (c, e) for a, b, c, _, e, _ in pictures)
    assert page.count('role="img" aria-labelledby') == len(pictures)


def test_questions_come_from_what_failed_and_follow_ups_when_nothing_did() -> None:
    """An interviewer finds what to ask, with what a strong answer holds."""
    asked = report(cards.partial()).split('id="ask"')[1].split("</section>")[0]
    lines = {line.id: line for line in cards.rubric().criteria}
    for name in ("gpt.greedy", "gpt.causality", "cache.generate"):
        assert lines[name].question.replace("'", "&#39;") in asked
        assert lines[name].strong_answer.replace("'", "&#39;")[:60] in asked
    assert lines["cache.decode"].question not in asked
    rule = next(rule for rule in cards.rubric().questions if rule.lost == ("matmul.broadcast",))
    assert rule.question in asked and lines["matmul.broadcast"].question not in asked  # one question for one fault
    nothing = report(cards.full()).split('id="ask"')[1].split("</section>")[0]
    assert "524,288 bytes" in nothing and "Blelloch" in nothing and "padding" in nothing.lower()


def asked(card: Scorecard, **rule: Any) -> list[str]:
    """Give what a rubric asks that has this rule and no other question."""
    lines = tuple(line.model_copy(update={"question": ""}) for line in cards.rubric().criteria)
    rules = (Question(question="asked", why="w", **rule),)
    rubric = cards.rubric().model_copy(update={"criteria": lines, "questions": rules})
    return [found.question for found in ask.questions(card, rubric) if found.question == "asked"]


def test_a_rule_asks_when_all_its_conditions_hold() -> None:
    """Interviewers write when to ask what; each condition counts, and a glob must match something that was judged."""
    card = cards.partial()
    assert (
        asked(card, lost=("gpt.greedy",))
        == asked(card, lost=("gpt.*", "matmul.*"), held=("cache.decode",))
        == ["asked"]
    )
    assert asked(card, lost=("cache.decode",)) == asked(card, lost=("gpt.greedy",), held=("cache.*",)) == []
    assert asked(card, lost=("nothing.*",)) == asked(card, held=("nothing.*",)) == []
    ratio = {"criterion": "cache.cost", "key": "ratio"}
    assert (
        asked(card, measured=({**ratio, "above": 0.9},)) == asked(card, measured=({**ratio, "below": 1},)) == ["asked"]
    )
    assert asked(card, measured=({**ratio, "above": 0.97},)) == asked(card, measured=({**ratio, "below": 0.97},)) == []
    assert asked(card, measured=({**ratio, "key": "claim", "above": 0},)) == []
    assert asked(card, without="NOTES.md") == [] and asked(card, without="tests/test_a.py") == ["asked"]


def test_what_is_missing_is_not_asked_about_as_if_it_had_been_tried() -> None:
    """A rule about what was lost needs something that was handed in."""
    assert asked(cards.part_b(), lost=("gpt.logits",)) == []


def test_the_rubrics_own_rules_are_met_by_somebody() -> None:
    """Every rule names criteria of the rubric and evidence that its checks leave: none can be asked of nobody."""
    rubric = cards.rubric()
    ids = {line.id for line in rubric.criteria}
    for rule in rubric.questions:
        for glob in (*rule.lost, *rule.held):
            assert fnmatch.filter(ids, glob), (rule.question, glob)
        for measured in rule.measured:
            assert (measured.criterion, measured.key) in {
                ("cache.cost", "ratio"), ("matmul.timing", "ratio"), ("diagnosis.bugs", "fraction")
            }  # fmt: skip


def test_the_review_sheet_has_every_anchor_and_the_mark_that_was_given() -> None:
    """A person marks from the sheet alone; a mark given shows its anchor and comment."""
    page = report(cards.partial())
    for item in cards.rubric().reviews:
        sheet = page.split(f'id="{item.id}"')[1].split("</article>")[0]
        assert sheet.count("<li") == item.scale + 1
    sheet = page.split('id="review.debugging"')[1].split("</article>")[0]
    assert '<li class="given">Fixes seed and mode' in sheet and "then halved the model." in sheet


def test_provenance_names_what_it_was_made_from() -> None:
    """Digests, versions, machine, limits of best effort, refused files: enough to repeat or doubt the run."""
    page = report(cards.partial()).split('id="provenance"')[1]
    card = cards.partial()
    for said in (
        card.submission.digest, card.run.rubric_digest, "torch 2.13.0", card.run.machine,
        card.run.best_effort[0], "notes/link", "a symbolic link", "2048 MiB",
    ):  # fmt: skip
        assert said in page, said


# --- safety -----------------------------------------------------------------------------------------------------------


def test_no_field_of_a_submission_becomes_markup() -> None:
    """The same attack in every field that a submission reaches stays text: no tag, attribute or link is made of it."""
    outline, plain = Outline(report(cards.hostile())), Outline(report(cards.partial()))
    assert {tag for tag, _ in outline.tags} <= {tag for tag, _ in plain.tags} | {"pre"}
    assert len(outline.all("script")) == len(outline.all("style")) == 1
    for tag, attrs in outline.tags:
        for key in attrs:
            assert not key.startswith("on") and key not in ("style", "src", "srcset", "action", "formaction"), (
                tag,
                key,
            )
    assert not outline.all("img") and not outline.all("iframe") and not outline.all("form")


@pytest.mark.parametrize("field", ["message", "id", "name", "output", "reason"])
def test_each_field_is_escaped_by_itself(field: str) -> None:
    """A field is not safe because another one is: each is tried alone."""
    attack = "<script>alert(1)</script>\u202e"
    card = cards.partial()
    broken = card.criteria[1].model_copy(
        update={"checks": (card.criteria[1].checks[0].model_copy(update={field: attack}),)}
    )
    update = {
        "message": {"criteria": (broken,)}, "id": {"criteria": (broken,)}, "output": {"output": attack},
        "name": {"submission": card.submission.model_copy(update={"name": attack})},
        "reason": {"reason": attack, "outcome": cards.rejected().outcome},
    }[field]  # fmt: skip
    page = report(card.model_copy(update=update))
    assert "<script>alert" not in page and "\u202e" not in page
    assert ("&lt;script&gt;alert(1)&lt;/script&gt;[U+202E]" in page) == (field != "id")


def test_no_control_or_bidi_character_is_in_any_page() -> None:
    """Nothing in a page reorders, hides or colours what stands beside it."""
    for page in (report(cards.hostile()), html.render_index([cards.hostile()], cards.rubric())):
        assert (
            re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff0-\uffff]", page)
            is None
        )
        assert "[U+202E]" in page or "characters were cut" in page


def test_the_policy_allows_this_script_and_this_style_and_nothing_else(card: Scorecard) -> None:
    """The CSP names the hash of the one script and the one style; there is no unsafe-inline and no other source."""
    for page in (report(card), html.render_index([card], cards.rubric())):
        policy = Outline(page).all("meta")[1]["content"]
        allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        assert allowed["default-src"] == "'none'" and "unsafe" not in policy and "http" not in policy
        for tag in ("script", "style"):
            (source,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
            digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
            assert allowed[f"{tag}-src"] == f"'sha256-{digest}'"


def test_every_template_escapes() -> None:
    """Autoescape is on for .html.j2, and what a template prints is made visible first."""
    environment = html.environment()
    assert environment.autoescape is True
    assert environment.from_string("{{ x }}").render(x="<b>\u202e") == "&lt;b&gt;[U+202E]"
    sources = [path.read_text() for path in (ROOT / "grader/report/templates").glob("*.j2")]
    assert sources and not any(re.search(r"\|\s*safe\b|autoescape|Markup", source) for source in sources)


# --- size, speed, sameness --------------------------------------------------------------------------------------------


def test_the_same_scorecard_gives_the_same_bytes(card: Scorecard) -> None:
    """A report can be compared, cached and signed: also in another process with another hash seed."""
    here = hashlib.sha256(report(card).encode()).hexdigest()
    assert hashlib.sha256(report(Scorecard.model_validate_json(card.to_json())).encode()).hexdigest() == here


def test_another_process_writes_the_same_bytes() -> None:
    """No order of a set or address of an object gets into a page."""
    code = (
        "import sys, hashlib; sys.path.insert(0, 'tests/report'); import cards; from grader.report import html\n"
        "rubric = cards.rubric()\n"
        "pages = [html.render_report(cards.partial(), rubric), html.render_index(cards.many(30), rubric)]\n"
        "print([hashlib.sha256(page.encode()).hexdigest() for page in pages])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_a_flood_of_evidence_stays_under_a_megabyte_and_says_what_was_cut() -> None:
    """However much a submission says, the report can be mailed, and nothing disappears silently."""
    page = report(cards.flooded())
    assert len(page.encode()) < 1_000_000
    assert page.count("characters were cut") > 100 and "more checks are in scorecard.json" in page
    assert "more are in scorecard.json" in page


def test_ordinary_reports_are_small() -> None:
    """Full evidence of an ordinary run takes a fifth of what is allowed, so that nothing has to be cut."""
    for card in (cards.full(), cards.partial(), cards.part_b()):
        assert len(report(card).encode()) < 200_000


def test_rendering_needs_neither_torch_nor_pygments() -> None:
    """The command line's process renders: it starts fast because it imports little."""
    code = "import sys, grader.report.html; print({'torch', 'numpy', 'pygments', 'markdown_it'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# --- the index --------------------------------------------------------------------------------------------------------


def test_the_index_links_each_report_and_shows_each_verdict() -> None:
    """One row a submission: the link, the score, and a letter a criterion in the rubric's order."""
    page = html.render_index([cards.partial(), cards.full(), cards.rejected()], cards.rubric())
    rows = page.split("<tbody>")[1].split("<tr")[1:]
    assert [re.search(r'href="([^"]+)"', row).group(1) for row in rows] == [  # type: ignore[union-attr]
        "alice/report.html", "bob/report.html", "torn/report.html",
    ]  # fmt: skip
    card = cards.partial()
    matrix = re.search(r'<span role="img" aria-label="lost: ([^"]+)">(.*?)</span>', rows[1])
    assert matrix is not None
    letters = re.sub(r"<[^>]+>|\s", "", matrix.group(2))
    assert letters == "".join(MARKS[result.verdict].letter for result in card.criteria)
    assert "cache.cost" in matrix.group(1) and "cache.decode" not in matrix.group(1)
    assert "rejected" in rows[2]


def test_the_index_counts_what_holds_over_those_that_were_judged() -> None:
    """A pass rate leaves out what was not judged: rejected, not applicable, and faults of ours."""
    page = html.render_index([cards.full(), cards.partial(), cards.rejected(), cards.broken()], cards.rubric())
    rates = dict(re.findall(r'#lost=([a-z._]+)".*?<span class="num">(.*?)</span>', page))
    assert rates["gpt.load"] == "100 %"  # the harness's own fault is not a failure
    assert rates["cache.cost"] == "67 %" and rates["diagnosis.bugs"] == "50 %"


def test_a_bonus_that_was_not_handed_in_is_no_loss_in_the_index() -> None:
    """It is neutral there as it is in the report: bob has neither scan.py nor tests."""
    row = html.render_index([cards.partial()], cards.rubric()).split("<tbody>")[1]
    assert "scan.values" not in row.split('aria-label="lost: ')[1].split('"')[0]
    assert '<i class="n">---</i>' in row


def test_a_partial_run_is_marked_and_in_no_figure_of_the_index() -> None:
    """What --only gave stands beside its score; median, distribution and rates are of whole runs."""
    whole = [cards.full(), cards.partial()]
    part = cards.only("matmul.forward", cards.part_b())
    page = html.render_index([*whole, part, cards.only("diagnosis.*", cards.full())], cards.rubric())
    without = html.render_index(whole, cards.rubric())
    assert re.findall(r"<small[^>]*>([^<]+)</small>", page) == ["only diagnosis.*", "only matmul.forward"]
    assert "nothing judged" in page and "<dt>partial runs, in no figure</dt><dd>2</dd>" in page
    assert page.split('id="overview"')[1] == without.split('id="overview"')[1]
    median = re.compile(r"median score</dt><dd>[^<]+")
    assert median.findall(page) == median.findall(without) != []


@pytest.mark.parametrize("name", ["..", ".", "", "a/../../b", "javascript:alert(1)", '"><script>', "//evil.example"])
def test_links_of_the_index_stay_in_its_folder(name: str) -> None:
    """A name never becomes a way out of the reports folder, nor another scheme."""
    card = cards.full()
    card = card.model_copy(update={"submission": card.submission.model_copy(update={"name": name})})
    page = html.render_index([card], cards.rubric())
    for link in Outline(page.split("<tbody>")[1].split("</tbody>")[0]).all("a"):
        assert re.fullmatch(r"[A-Za-z0-9%._~-]+/report\.html", link["href"])
        assert not link["href"].startswith("../")


def test_an_index_without_scorecards_or_rubric_is_a_page_too() -> None:
    """The first run, and a folder of someone else's scorecards, have an index."""
    assert "No scorecard yet" in html.render_index([], cards.rubric())
    assert "cache.cost" in html.render_index([cards.full()])
    other = cards.full()
    other = other.model_copy(update={"run": other.run.model_copy(update={"rubric_digest": "sha256:other"})})
    assert "2 different rubrics" in html.render_index([cards.full(), other])
