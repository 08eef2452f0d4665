"""Run a minigpt.py of our own (reference, starter or mutant) and note what a candidate could see of it.

Only sources of this project come here: a submission never runs on this side of the wall.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

NEAR = 0.02  # nats a token; nobody would notice a loss that differs by less
_numbers = itertools.count()


@dataclass(frozen=True)
class Trial:
    """A model to build and what to feed it."""

    config: dict[str, Any]  # the keywords of GPTConfig; dropout above 0, or modes cannot show
    weights: dict[str, Tensor]
    prompts: Tensor  # [B, T], B > 1
    long: Tensor  # [N, T], T a little below block_size
    new: int = 16


@dataclass(frozen=True)
class Observation:
    """What a model does, as a candidate may see it: text, loss and mode."""

    text: tuple[tuple[int, ...], ...]  # greedy tokens after each prompt
    long_text: tuple[tuple[int, ...], ...]  # greedy tokens past block_size
    loss: float  # of a batch of several rows, in eval mode
    modes: tuple[bool, ...]  # eval and generation repeat themselves; modes are found as they were left

    def differs(self, other: Observation) -> tuple[str, ...]:
        """Name what a candidate would see differ."""
        seen = {
            "text": self.text != other.text,
            "long text": self.long_text != other.long_text,
            "loss": not abs(self.loss - other.loss) < NEAR,
            "mode": self.modes != other.modes,
        }
        return tuple(name for name, differ in seen.items() if differ)


def load(source: str) -> ModuleType:
    """Import source as a module of its own."""
    module = ModuleType(f"grader_kit_probe_{next(_numbers)}")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(compile(source, f"<{module.__name__}>", "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    return module


def build(source: str, trial: Trial) -> Any:
    """Give source's MiniGPT with the trial's weights, in eval mode."""
    module = load(source)
    model = module.MiniGPT(module.GPTConfig(**trial.config))
    model.load_state_dict(trial.weights, strict=True)
    return model.eval()


def observe(source: str, trial: Trial) -> Observation:
    """Run source's model in the trial."""
    model = build(source, trial)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        with torch.no_grad():
            loss = float(model(trial.prompts, trial.prompts)[1])
        text = _generated(model, trial.prompts, trial.new)
        long_text = _generated(model, trial.long, trial.config["block_size"] - trial.long.size(1) + 8)
        modes = _modes(model, trial.prompts[:, :8])
    return Observation(text, long_text, loss, modes)


def _generated(model: Any, prompts: Tensor, new: int) -> tuple[tuple[int, ...], ...]:
    tokens = model.generate(prompts, new, use_cache=False)
    return tuple(tuple(row) for row in tokens.tolist())


def _modes(model: Any, prompts: Tensor) -> tuple[bool, ...]:
    """Tell whether eval passes repeat, whether train passes do not, and what generate makes of each mode."""
    seen = [_repeats(lambda: model(prompts)[0])]
    model.train()
    seen.append(not _repeats(lambda: model(prompts)[0]))
    for training in (True, False):
        model.train(training)
        seen.append(_repeats(lambda: model.generate(prompts, 16, use_cache=False)))
        seen.append(all(module.training is training for module in model.modules()))
    model.eval()
    return tuple(seen)


@torch.no_grad()
def _repeats(run: Callable[[], Tensor]) -> bool:
    """Tell whether two runs with different random numbers give the same."""
    torch.manual_seed(1)
    first = run()
    torch.manual_seed(2)
    return torch.equal(first, run())
