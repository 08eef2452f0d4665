"""The bytes of every page, held by digest: the same scorecard gives them on every machine.

Who changes a page looks at it, and then writes the digests anew: GOLDEN=write pytest tests/report/test_golden.py
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import cards

from grader.report import gradescope, html, junit, summary, table

DIGESTS = Path(__file__).with_name("golden.json")


def pages() -> dict[str, str]:
    """Every form of output, of scorecards that say something and of a hostile one."""
    found = {
        f"report/{card.submission.name[:7]}": html.render_report(card, cards.rubric())
        for card in (cards.full(), cards.partial(), cards.part_b(), cards.rejected(), cards.broken(), cards.hostile())
    }
    everyone = [cards.full(), cards.partial(), cards.rejected(), cards.hostile(), *cards.many(5)]
    return found | {
        "index": html.render_index(everyone, cards.rubric()),
        "junit": junit.render(everyone, cards.rubric()),
        "gradescope": gradescope.render(everyone[:1], cards.rubric()),
        "summary": summary.render(everyone, cards.rubric()),
        "csv": table.render(everyone),
    }


def test_every_output_is_byte_for_byte_what_it_was() -> None:
    """No clock, locale, hash seed or version of a library shows in an output."""
    made = {name: hashlib.sha256(page.encode()).hexdigest() for name, page in sorted(pages().items())}
    if os.environ.get("GOLDEN") == "write":
        DIGESTS.write_text(json.dumps(made, indent=1) + "\n")
    kept = json.loads(DIGESTS.read_text())
    assert {name: digest == kept.get(name) for name, digest in made.items()} == dict.fromkeys(kept, True)
