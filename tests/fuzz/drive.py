"""Run one target under atheris: `python tests/fuzz/drive.py TARGET [libFuzzer's options] [folders]`."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[2])]
os.environ["OMP_NUM_THREADS"] = "1"
name = sys.argv.pop(1)
with atheris.instrument_imports(include=["grader", "zipfile", "tomllib", "safetensors"]):
    target = importlib.import_module(name)
atheris.Setup(sys.argv, target.run)
atheris.Fuzz()
