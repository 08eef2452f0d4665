"""Make a kit: a folder with a buggy model, stubs, a checkpoint and the task, and the key that stays here."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from random import Random
from string import Template
from typing import TYPE_CHECKING

from grader import fixtures, rubric
from grader.errors import HarnessError, UsageError
from grader.fixtures import Checkpoint, Positions
from grader.kit import choice, cuts
from grader.kit.bugs import Bug
from grader.kit.keys import Key
from grader.models import Rubric
from grader.project import DEFAULT_RUBRIC, FIXTURES, REFERENCE

if TYPE_CHECKING:
    from grader.kit.probe import Trial

TEMPLATES = Path(__file__).with_name("templates")
VERBATIM = ("matmul.py", "scan.py", "requirements.txt")
DROPOUT = 0.1  # the fixtures have none, and then a fault of mode could not be seen
VISIBLE_TOKENS = 60  # enough for the visible text to go past block_size
SMALLEST_MARGIN = 0.01  # between the two best logits; machines differ by 1e-5


@dataclass(frozen=True)
class Kit:
    """A kit before it is written: its files, and its key, which is never among them."""

    files: dict[str, bytes]
    key: Key


def make(
    seed: int,
    positions: Positions = "learned",
    ids: Sequence[str] = (),
    count: int = choice.COUNT,
    taken: frozenset[str] = frozenset(),
) -> Kit:
    """Make a kit with the bugs named by ids, else with count drawn by seed; no id among taken is given again.

    Raises: UsageError where the bugs do not fit together.
    """
    checkpoint = fixtures.load(positions)
    masking = Masking(trial_of(checkpoint))
    bugs = choice.named(ids, positions, masking) if ids else choice.drawn(count, seed, positions, masking)
    key = Key(
        kit=_new_id(taken),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        positions=positions,
        bugs=tuple(bug.id for bug in bugs),
        classes=tuple(bug.class_ for bug in bugs if bug.class_),
    )
    return Kit(files(key.kit, bugs, checkpoint, seed), key)


def _new_id(taken: frozenset[str]) -> str:
    """Draw an id that says nothing about the bugs: not even the seed goes in."""
    while (kit := f"k-{secrets.token_hex(4)}") in taken:
        pass
    return kit


def files(kit: str, bugs: Sequence[Bug], checkpoint: Checkpoint, seed: int) -> dict[str, bytes]:
    """Give the files of a kit, by name."""
    from safetensors.torch import save

    config = checkpoint.config | {"dropout": DROPOUT}
    prompt, expected = visible(checkpoint, seed)
    words = {
        "kit": kit,
        "bugs": str(len(bugs)),
        "positions": str(config["positions"]),
        "prompt": repr(prompt),
        "expected": repr(expected),
        **words_of(rubric.load(DEFAULT_RUBRIC)),
    }
    texts = {name: (TEMPLATES / f"{name}.template").read_text(encoding="utf-8") for name in VERBATIM}
    for name in ("README.md", "selfcheck.py", "submission.toml"):
        texts[name] = Template((TEMPLATES / f"{name}.template").read_text(encoding="utf-8")).substitute(words)
    texts["minigpt.py"] = cuts.plant(bugs)
    return {name: text.encode() for name, text in texts.items()} | {
        "checkpoint.safetensors": save(checkpoint.weights, {"config": json.dumps(config)}),
        "tokenizer.json": (FIXTURES / "tokenizer.json").read_bytes(),
    }


def words_of(graded: Rubric) -> dict[str, str]:
    """Give what the README says of the rubric: limits, tolerances, and a table of the criteria."""
    rows = [f"| `{c.id}` | {c.title} | {'+' if c.bonus else ''}{c.points:g} |" for c in graded.criteria]
    numbers = graded.limits.model_dump() | graded.tolerances.model_dump()
    return {name: f"{value:g}" for name, value in numbers.items()} | {
        "criteria": "\n".join(rows),
        "reviews": "\n".join(f"- {item.title}" for item in graded.reviews),
        "review_total": f"{graded.weights.automatic + graded.weights.review:g}",
        "review": f"{graded.weights.review:g}",
    }


# --- what only running the model can tell ---------------------------------------------------------------------------


def trial_of(checkpoint: Checkpoint) -> Trial:
    """Give the trial in which a kit's bugs must show: golden prompts, since no text of theirs crosses a tie."""
    import torch

    from grader.kit.probe import Trial

    texts = [golden.prompt for golden in checkpoint.prompts]
    together = max(([text for text in texts if len(text) == size] for size in {*map(len, texts)}), key=len)
    last = checkpoint.prompts[-1]
    block = checkpoint.config["block_size"]
    return Trial(
        config=checkpoint.config | {"dropout": DROPOUT},
        weights=checkpoint.weights,
        prompts=torch.tensor([checkpoint.encode(text) for text in together]),
        long=torch.tensor([checkpoint.encode((last.prompt + last.expected)[: block - 4])]),
    )


class Masking:
    """Tell whether some bug of several would not be noticed: whatever was fixed before it, fixing it must show."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def __call__(self, bugs: Sequence[Bug]) -> str | None:
        """Say which bug hides behind which others; None where none does."""
        from grader.kit import probe

        seen: dict[frozenset[str], probe.Observation] = {}
        for some in (some for size in range(len(bugs) + 1) for some in combinations(bugs, size)):
            planted = frozenset(bug.id for bug in some)
            seen[planted] = probe.observe(cuts.plant(some), self._trial)
            for fixed in sorted(planted):
                if not seen[planted].differs(seen[planted - {fixed}]):
                    beside = f" beside {', '.join(sorted(planted - {fixed}))}" if len(planted) > 1 else ""
                    return f"{fixed} changes neither text, loss nor mode{beside}"
        return None


def visible(checkpoint: Checkpoint, seed: int) -> tuple[str, str]:
    """Give the prompt that the self-check shows and its text: not a hidden one, and far from a tie on every machine."""
    import torch

    from grader.kit import probe

    prompts = (TEMPLATES / "prompts.txt").read_text(encoding="utf-8").splitlines()
    hidden = {golden.prompt for golden in checkpoint.prompts}
    model = probe.build((REFERENCE / "minigpt.py").read_text(encoding="utf-8"), trial_of(checkpoint)).double()
    block = model.config.block_size
    for prompt in Random(seed).sample(prompts, len(prompts)):
        if any(prompt.startswith(other) or other.startswith(prompt) for other in hidden):
            continue
        start = len(prompt)
        tokens = model.generate(torch.tensor([checkpoint.encode(prompt)]), VISIBLE_TOKENS)  # [1, T + n]
        with torch.no_grad():
            last = [model(tokens[:, max(0, t - block) : t])[0][0, -1] for t in range(start, tokens.size(1))]
        best = torch.stack(last).topk(2).values  # [n, 2]
        if (best[:, 0] - best[:, 1]).min() >= SMALLEST_MARGIN:
            return prompt, checkpoint.decode(tokens[0, start:].tolist())
    raise HarnessError(
        f"none of the {len(prompts)} prompts in {TEMPLATES / 'prompts.txt'} keeps {SMALLEST_MARGIN} from a tie; "
        "add others to that file"
    )


# --- writing ----------------------------------------------------------------------------------------------------------


def check_free(folder: Path) -> None:
    """Make sure that a kit can be written to folder. Raises UsageError where something lies there."""
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise UsageError(f"{folder} exists and is not an empty folder; name another with --out")


def write(kit: Kit, folder: Path) -> None:
    """Write the kit's files to folder, all of them or none. Raises UsageError where that fails."""
    check_free(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".kit-", dir=folder.parent) as spare:
            made = Path(spare, "kit")
            made.mkdir()
            for name, data in kit.files.items():
                (made / name).write_bytes(data)
            made.replace(folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}; name another with --out") from None
