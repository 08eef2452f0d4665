"""How alike are kits? Draw many, and compare what their bugs do with as many bugs drawn without any rule.

    python bench/kits.py [--kits N]

Each bug is run alone in the starter on the trained checkpoint; a kit is described by what its bugs do one by one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import mean, pstdev

import torch

from grader import fixtures
from grader.fixtures import Positions
from grader.kit import choice, cuts, probe, starter
from grader.kit.bugs import Bug, load_bugs

SCHEMES: tuple[Positions, ...] = ("learned", "rope")


@dataclass(frozen=True)
class Effect:
    """What one bug does alone."""

    seen: tuple[str, ...]  # in text, long text, loss, mode
    right: float  # characters of greedy text before the first wrong one, mean over prompts


def effects(positions: Positions) -> dict[str, Effect]:
    trial = starter.trial_of(fixtures.load(positions))
    sound = probe.observe(cuts.starter(), trial)
    start = trial.prompts.size(1)
    found = {}
    for bug in load_bugs().values():
        if bug.plantable and bug.shows_with(positions):
            got = probe.observe(cuts.plant([bug]), trial)
            rows = zip(got.text, sound.text, strict=True)
            right = [agreeing(one[start:], two[start:]) for one, two in rows]
            found[bug.id] = Effect(got.differs(sound), mean(right))
    return found


def agreeing(one: Sequence[int], two: Sequence[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, two, strict=True)) if a != b), len(two))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kits", type=int, default=200)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for positions in SCHEMES:
        effect = effects(positions)
        pool = [load_bugs()[name] for name, found in effect.items() if found.seen]
        hidden = sorted(effect.keys() - {bug.id for bug in pool})
        print(f"{positions}: {len(pool)} bugs show with its checkpoint; never drawn: {', '.join(hidden) or 'none'}")

        def shows(bugs: Iterable[Bug], effect: dict[str, Effect] = effect) -> str | None:
            return None if all(effect[bug.id].seen for bug in bugs) else "hidden"

        kits = [choice.drawn(choice.COUNT, seed, positions, shows) for seed in range(args.kits)]
        loose = [tuple(Random(seed).sample(pool, choice.COUNT)) for seed in range(args.kits)]
        measures: dict[str, Callable[[Sequence[Bug]], float]] = {
            "sum of weights": lambda bugs: sum(bug.weight for bug in bugs),
            "bugs of weight 3": lambda bugs: sum(bug.weight == 3 for bug in bugs),
            "bugs that text shows": lambda bugs, e=effect: sum(
                bool({"text", "long text"} & {*e[b.id].seen}) for b in bugs
            ),
            "bugs that garble text at once": lambda bugs, e=effect: sum(e[bug.id].right <= 2 for bug in bugs),
            "functions with a bug": lambda bugs: len({bug.place for bug in bugs}),
        }
        print(f"  {'':32} {'kits':>20} {'any four bugs':>20}")
        for name, measure in measures.items():
            print(f"  {name:32} {spread(map(measure, kits)):>20} {spread(map(measure, loose)):>20}")


def spread(values: Iterable[float]) -> str:
    numbers = list(values)
    return f"{mean(numbers):.2f} +- {pstdev(numbers):.2f}"


if __name__ == "__main__":
    main()
