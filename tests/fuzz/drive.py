"""Run one target under atheris: `python tests/fuzz/drive.py TARGET [libFuzzer's options] [folders]`."""

from __future__ import annotations

import importlib
import os
import random
import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[2])]
os.environ["OMP_NUM_THREADS"] = "1"
name = sys.argv.pop(1)
with atheris.instrument_imports(include=["grader", "zipfile", "tomllib", "safetensors"]):
    target = importlib.import_module(name)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Change an input as the target would, or as libFuzzer does."""
    rng = random.Random(seed)
    own = getattr(target, "mutate", None)
    return own(data, rng)[:max_size] if own and rng.random() < 0.5 else atheris.Mutate(data, max_size)


atheris.Setup(sys.argv, target.run, custom_mutator=mutate)
atheris.Fuzz()
