"""Scorecards of every kind, made here, with the evidence that checks bring and with what an attacker would put in."""

from __future__ import annotations

import functools
import math
import random
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from grader import rubric as rubrics
from grader import score
from grader.kit import change, cuts
from grader.kit.bugs import load_bugs
from grader.kit.edits import replace
from grader.kit.keys import Key
from grader.models import (
    CheckResult,
    Evidence,
    FileChange,
    Job,
    PlantedBug,
    Rubric,
    RunInfo,
    Scorecard,
    SubmissionInfo,
    Verdict,
)
from grader.project import DEFAULT_RUBRIC

TEXT = "the mill stood by the river, and the miller's cat slept on the warm stones by the door. in the morning "
GARBLE = "the mill stood by the rrrrrr rivrr,r andd thr milerrs' cat sletp nn hte wram sotnse yb thee odor iin th"


@functools.cache
def rubric() -> Rubric:
    return rubrics.load(DEFAULT_RUBRIC)


def run(**other: Any) -> RunInfo:
    values: dict[str, Any] = {
        "seed": 20260101,
        "sandbox": "bubblewrap",
        "started_at": "2026-01-01T09:30:00Z",
        "duration_s": 8.24,
        "rubric_digest": "sha256:" + "5e" * 32,
        "versions": {"grader": "0.1.0", "torch": "2.13.0", "python": "3.11.2"},
        "machine": "Linux 6.18 x86_64, 2 processors",
    }
    return RunInfo(**(values | other))


def submission(name: str, **other: Any) -> SubmissionInfo:
    files = ("NOTES.md", "matmul.py", "minigpt.py", "scan.py")
    return SubmissionInfo(**({"name": name, "digest": "sha256:" + "a1" * 32, "files": files} | other))


def check(
    name: str, verdict: str = "accepted", message: str = "", seconds: float = 0.12, **evidence: Any
) -> CheckResult:
    return CheckResult(id=name, verdict=Verdict(verdict), message=message, evidence=dict(evidence), duration_s=seconds)


def held(criterion: str, schemes: bool = True) -> tuple[CheckResult, ...]:
    """Give accepted checks as the judge words them."""
    names = [f"{criterion.split('.')[1]}_holds[{s}]" for s in ("learned", "rope")] if schemes else ["holds"]
    claim = {c.id: c.title for c in rubric().criteria}[criterion]
    return tuple(check(name, claim=claim, max_abs_diff=2.4e-6, atol=5e-4) for name in names)


LAYERS = ["tok_emb", "pos_emb"] + [
    f"blocks.{i}{part}"
    for i in range(4)
    for part in (".ln_1", ".attn.qkv", ".attn.proj", ".attn", ".ln_2", ".mlp.fc", ".mlp.proj", ".mlp", "")
] + ["ln_f", "head"]  # fmt: skip


def layers(first: str | None, width: int = 23) -> Evidence:
    rng = random.Random(3)
    at = LAYERS.index(first) if first else len(LAYERS)
    values = [
        [
            0.0 if i < 2 else 10 ** rng.uniform(-8, -6) if i < at else 10 ** rng.uniform(-3.6, -1) * (t > 0)
            for t in range(width)
        ]
        for i in range(len(LAYERS))
    ]
    return {"layers": list(LAYERS), "values": [[float(f"{v:.3g}") for v in row] for row in values], "first": first}


def tokens(actual: str = GARBLE) -> Evidence:
    wrong = next((i for i, (a, b) in enumerate(zip(actual, TEXT, strict=False)) if a != b), None)
    top2 = [{"token": "r", "logit": 7.412}, {"token": "i", "logit": 6.958}]
    return {"prompt": "Once upon a time ", "expected": TEXT, "actual": actual, "first_wrong": wrong, "top2": top2}


def cost(cached: float = 0.0021) -> Evidence:
    lengths = [64, 256, 960]
    return {
        "T": lengths,
        "cached_ms": [round(1.0 + cached * t, 3) for t in lengths],
        "uncached_ms": [round(1.1 + 0.02 * t + 3e-5 * t * t, 3) for t in lengths],
        "reference_ms": [round(0.9 + 0.0007 * t, 3) for t in lengths],
        "unit": "cpu",
    }


def causality(leak: bool = False, blind: bool = False, size: int = 20) -> Evidence:
    rng = random.Random(5)
    values = [
        [rng.uniform(0.1, 3) if t >= c + 1 and not (blind and t > c + 9) else 0.0 for t in range(size)]
        for c in range(size - 1)
    ]
    if leak:
        for c in range(size - 1):
            values[c][c] = 0.4
    return {"values": values}


ERROR: Evidence = {
    "type": "RuntimeError",
    "message": "mat1 and mat2 shapes cannot be multiplied (12x7 and 5x7)",
    "file": "matmul.py",
    "line": 31,
    "traceback": "matmul.py:31 in backward: grad_a = dC @ B\nmatmul.py:12 in reduce: return grad.sum(0).view(shape)",
}


MEMORY: Evidence = {
    "T": [7, 8, 12], "bytes": [13440, 15360, 23040], "held": [26880, 26880, 26880],
    "batch": 2, "layers": 2, "heads": 4, "head_size": 15, "itemsize": 4,
}  # fmt: skip


def full() -> Scorecard:
    """Full marks and bonus, with a kit that had no key here."""
    results = {c.id: held(c.id) for c in rubric().criteria if c.id != "diagnosis.bugs"}
    results["gpt.logits"] = (
        check(
            "logits_equal[rope]",
            claim="On fresh weights, logits equal.",
            layer_map=layers(None),
            atol=5e-4,
            max_abs_diff=3e-6,
        ),
    )
    results["gpt.causality"] = (
        check("no_logit_sees[rope]", claim="No logit changes when later tokens do.", causality_map=causality()),
    )
    results["gpt.greedy"] = (
        check("text[learned]", claim="The greedy text equals the expected text.", tokens=tokens(TEXT)),
    )
    results["cache.layout"] = (
        check("one_pair_per_layer", claim="The cache gives one (K, V) per layer.", cache_memory=MEMORY),
    )
    results["cache.cost"] = (
        check(
            "decode_step_is_linear",
            claim="A decode step costs far less than a recompute.",
            cost=cost(),
            ratio=0.031,
            interval=[0.029, 0.034],
            threshold=0.2,
            seconds=1.9,
        ),
    )
    return score.build(rubric(), submission("alice"), run(), results)


def partial() -> Scorecard:
    """Failures of every kind, each with its evidence."""
    results = {c.id: held(c.id) for c in rubric().criteria if not c.id.startswith("scan.") and c.id != "verify.tests"}
    for name in ("scan.values", "scan.steps", "scan.tiled"):
        results[name] = (check("scan", "missing", "scan.py is not in the submission"),)
    results["verify.tests"] = (check("tests", "missing", "there is no tests/test_*.py"),)
    results["gpt.greedy"] = (
        check(
            "trained_model_writes_the_expected_text[learned]",
            "wrong_answer",
            "the text after 'Once upon a time ' leaves the expected one at character 24: "
            "'d by the rrrrrr riv', expected 'd by the river, and'",
            claim="The trained checkpoint's greedy text equals the expected text.",
            tokens=tokens(),
            seconds=1.31,
        ),
        check(
            "fresh_model_decodes_as_the_reference[learned]",
            claim="On fresh weights greedy generation gives the reference's tokens.",
        ),
    )
    results["gpt.logits"] = (
        check(
            "logits_equal_the_reference[learned]",
            "wrong_answer",
            "a logit of 23 tokens differs at [b, t, v] [0, 1, 4]: 0.731284, expected 1.20415; "
            "largest difference 0.73, tolerance 0.0005",
            claim="On fresh weights and tokens, at every position and length, the logits equal the reference's.",
            expected=1.20415,
            actual=0.731284,
            max_abs_diff=0.7301,
            atol=5e-4,
            first_divergence="[b, t, v] [0, 1, 4]",
            layer_map=layers("blocks.1.attn.proj"),
            seconds=0.42,
        ),
        check(
            "logits_equal_the_reference[rope]",
            claim="On fresh weights and tokens, the logits equal the reference's.",
            layer_map=layers(None),
            max_abs_diff=3.1e-6,
            atol=5e-4,
        ),
    )
    results["gpt.causality"] = (
        check(
            "no_logit_sees_a_later_token[learned]",
            "wrong_answer",
            "changing the tokens from position 5 on moves the logits at position 4 by 0.4",
            claim="No logit changes when later tokens do.",
            causality_map=causality(leak=True, blind=True),
            max_abs_diff=0.4,
            atol=1e-5,
            first_divergence="position 4 sees position 5",
        ),
    )
    results["cache.generate"] = (
        check(
            "cached_equals_uncached[rope]",
            "wrong_answer",
            "cached generation: row 0, position 17 is token 9, expected 41",
            claim="Cached and uncached generation give the same tokens.",
            expected=[12, 4, 8, 15, 16, 23, 42, 7, 3, 3, 1, 60, 22, 9, 9, 14, 2, 41, 5, 6, 7],
            actual=[12, 4, 8, 15, 16, 23, 42, 7, 3, 3, 1, 60, 22, 9, 9, 14, 2, 9, 1, 1, 1],
            first_divergence="row 0, position 17",
        ),
    )
    results["cache.cost"] = (
        check(
            "decode_step_is_linear",
            "wrong_answer",
            "a decode step over a recompute of its prefix: ratio 0.97 (95 % interval 0.94 to 1.02), threshold 0.2",
            claim="A decode step costs far less than a recompute of its prefix, and its logits are right.",
            cost=cost(0.049),
            ratio=0.97,
            interval=[0.94, 1.02],
            threshold=0.2,
            seconds=3.4,
        ),
    )
    results["matmul.timing"] = (
        check(
            "time_is_near_torchs_own",
            "inconclusive",
            "forward and backward over torch's own: ratio 2.9 (95 % interval 2.6 to 3.3), "
            "threshold 3; 25 pairs do not settle it",
            claim="Forward and backward take at most three times as long as torch's own.",
            ratio=2.9,
            interval=[2.6, 3.3],
            threshold=3.0,
            detail="18 products, [[8, 64, 64], [64, 64]]",
        ),
    )
    gradient = [[0.0 if j else 10.0 ** -(i % 13) for j in range(9)] for i in range(7)]
    results["matmul.broadcast"] = (
        check(
            "backward_reduces_over_broadcast_axes",
            "wrong_answer",
            "[5, 5] @ [5, 2, 5]: backward's gradient of A has shape [5, 5, 5], not [5, 5]",
            claim="Backward itself gives gradients in the operands' shapes.",
            gradient_map={"operand": "A", "values": gradient},
            shape=[5, 5, 5],
            atol=1e-10,
        ),
    )
    results["matmul.batched"] = (
        check(
            "batched_gradients_are_exact",
            "runtime_error",
            "backward raised RuntimeError at matmul.py:31: mat1 and mat2 shapes cannot be multiplied (12x7 and 5x7)",
            claim="Gradients of batched operands are right.",
            error=ERROR,
        ),
    )
    results["diagnosis.bugs"] = (
        check(
            "declared",
            "partial",
            "3 of 4 planted classes were named, and one that was not planted",
            fraction=0.5,
            claim="The declared bug classes are the planted ones.",
            hits=["scaling", "loss-shift", "mask"],
        ),
    )
    files = submission("bob", kit="k-2f7c91", refused={"notes/link": "a symbolic link"})
    card = score.build(
        rubric(),
        files,
        run(best_effort=("memory: no control group here; watched by polling",)),
        results,
        "loading...\nready\n",
    )
    marks = list(card.reviews)
    marks[0] = marks[0].model_copy(update={"mark": 3.0, "comment": "Fixed the seed first, then halved the model."})
    handed_in = replace(cuts.starter(), {bug.id: bug.kit_edit for bug in BUGS[:1]}).encode()
    key = Key(kit="k-2f7c91", made_at="", seed=1, positions="learned", bugs=[b.id for b in BUGS], classes=["mask"])
    changes = change.changes({"minigpt.py": handed_in, "matmul.py": MATMUL.read_bytes()}, key)
    return card.model_copy(update={"reviews": tuple(marks), "changes": changes, "notes": NOTES})


NOTES = """# Notes

Fixed first: `model.eval()`, *greedy*, one prompt. See [the blog](https://example.org/kv) and ![a plot](https://example.org/p.png).

| stage | shape |
| --- | --- |
| tokens | `[2, 5]` |

```python
scores = q @ k.transpose(-2, -1)  # <b>not bold</b>
```
"""
MATMUL = Path(__file__).resolve().parents[2] / "reference" / "matmul.py"
BUGS = [load_bugs()[name] for name in ("softmax-over-queries", "loss-unshifted", "residual-mlp-lost")]


def part_b() -> Scorecard:
    """Half an exercise: one file was not handed in."""
    results = {
        c.id: (check("needs", "missing", "minigpt.py is not in the submission", claim=c.title),) * 2
        if c.section in ("gpt", "cache")
        else held(c.id, schemes=False)
        for c in rubric().criteria
        if c.section not in ("verify", "diagnosis")
    }
    return score.build(rubric(), submission("carol", files=("matmul.py", "scan.py")), run(seed=7), results)


def only(glob: str, whole: Scorecard) -> Scorecard:
    """The same submission, graded with --only."""
    results = {line.id: line.checks for line in whole.criteria if fnmatch(line.id, glob)}
    info = whole.run.model_copy(update={"only": glob})
    return score.build(rubric(), whole.submission, info, results)


def rejected() -> Scorecard:
    job = Job(path="/tmp/x.zip", name="torn", rubric=rubric(), rubric_digest="sha256:00", sandbox="docker", seed=1)
    return score.rejected(job, run(duration_s=0.02), "the archive is broken: bad magic number for central directory")


def broken() -> Scorecard:
    results = {c.id: held(c.id) for c in rubric().criteria}
    results["gpt.load"] = (
        check("loads", "harness_error", "SandboxGone: the engine does not answer", detail="Traceback ..."),
    )
    return score.build(rubric(), submission("dan"), run(sandbox="docker"), results)


MARKER = "zq"
TEXTS = (
    *("claim", "expected", "actual", "max_abs_diff", "atol", "first_divergence", "detail", "fraction"),
    *("steps", "shape", "ratio", "threshold"),
)
HOSTILE = (
    f"</script></style></title></textarea>--><script>window.{MARKER}=1</script>"
    f"<img src=//evil.example/{MARKER} onerror=window.{MARKER}=1><svg onload=window.{MARKER}=1>"
    f'"\'` onmouseover=window.{MARKER}=1 x=" javascript:window.{MARKER}=1 {{{{7*7}}}}'
    " {% raw %} ${7*7} &lt;b&gt; &#60;"
    "\u202egnp.exe\u2066\u200b\u00ad\ufeff\U000e0041\x1b[31m\x1b]8;;http://evil.example\x07\x00\x08\x85\u2028\uffff"
    "\n::error file=x::pwned\n##[error]x\r\n=cmd|'/C calc'!A0 ![i](http://evil.example/i)"
    " [l](javascript:alert(1)) @everyone"
    " Z" + "\u0300" * 60 + "]]><!-- \u05d0\u05d1"
)


def hostile(text: str = HOSTILE) -> Scorecard:
    """The same text in every field that a submission can reach, with maps and strips made of it."""
    evidence: Evidence = dict.fromkeys(TEXTS, text)
    evidence |= {
        "error": {"type": text, "message": text, "file": text, "line": text, "traceback": text},
        "tokens": {
            "prompt": text,
            "expected": TEXT,
            "actual": text,
            "first_wrong": 0,
            "top2": [{"token": text, "logit": 1.0}, {"token": text, "logit": 0.5}],
        },
        "layer_map": {"layers": [text, text + "2"], "values": [[0.0, 1.0], ["nan", 2.0]], "first": text},
        "gradient_map": {"operand": text, "values": [[0.0, 1.0]]},
        "cost": {"T": [1, 2], "cached_ms": [1.0, 2.0], "unit": text},
        "cache_memory": {**MEMORY, "T": [text]},
        text: text,
        "nested": {text: [text]},
        "caught": {text: [text]},
        "entries": [{"bug": text, "where": text, "test": text}],
    }
    bad = (CheckResult(id=text, verdict=Verdict.wrong_answer, message=text, evidence=evidence, duration_s=0.1),)
    results = {c.id: bad for c in rubric().criteria}
    files = submission(text, digest=text, kit=text, files=(text,), refused={text: text})
    info = run(
        sandbox=text, started_at=text, rubric_digest=text, versions={text: text}, machine=text, image=text, only=text,
        runtime=text, best_effort=(text,),
    )  # fmt: skip
    card = score.build(rubric(), files, info, results, text)
    marks = tuple(mark.model_copy(update={"comment": text, "mark": 2.0}) for mark in card.reviews)
    changes = tuple(
        FileChange(
            path=path, base=text, lines=tuple(f"{sign}{line}" for line in text.split("\n") for sign in " -+"),
            planted=(PlantedBug(bug_class=text, title=text, lines=(0, 1), changed=False),), left_out=text,
        )
        for path in change.FILES
    )  # fmt: skip
    return card.model_copy(update={"reviews": marks, "reason": text, "changes": changes, "notes": text})


def flooded() -> Scorecard:
    """As much text of the worst kind as a submission can send, in each check."""
    flood = '\u202e"<&\x00' * 1_000
    names = tuple(f"{i}" + "\u202e" * 200 for i in range(500))
    card = hostile(flood)
    results = {
        c.id: tuple(r.model_copy(update={"id": f"{i}"}) for i, r in enumerate(c.checks * 8)) for c in card.criteria
    }
    files = submission(flood, files=names, refused=dict.fromkeys(names, flood[:400]))
    flooded = score.build(rubric(), files, card.run, results, flood)
    lines = tuple(f"+{i}{flood[:300]}" for i in range(change.MOST_LINES))
    changes = tuple(each.model_copy(update={"lines": lines}) for each in card.changes)
    return flooded.model_copy(update={"changes": changes, "notes": flood[: change.NOTES_CHARS]})


FAULTS = [Verdict.wrong_answer] * 6 + [
    Verdict.runtime_error, Verdict.missing, Verdict.time_limit, Verdict.inconclusive,
]  # fmt: skip


def many(count: int) -> list[Scorecard]:
    """A cohort, with a few of each outcome."""
    rng = random.Random(1)
    base = full()
    cards = []
    for i in range(count):
        skill = rng.gauss(0.82, 0.16)
        criteria = tuple(
            c if rng.random() < skill - 0.02 * c.points
            else c.model_copy(update={"verdict": rng.choice(FAULTS), "earned": 0.0, "checks": ()})
            for c in base.criteria
        )  # fmt: skip
        earned = math.fsum(c.earned for c in criteria if not c.bonus)
        update: dict[str, Any] = {
            "submission": submission(f"candidate-{i:04d}"), "criteria": criteria, "score": earned,
            "bonus": math.fsum(c.earned for c in criteria if c.bonus),
            "pending": math.fsum(c.points for c in criteria if c.verdict is Verdict.inconclusive),
        }  # fmt: skip
        cards.append(base.model_copy(update=update))
        if i % 97 == 5:
            cards[-1] = rejected().model_copy(update={"submission": submission(f"candidate-{i:04d}")})
    return cards
