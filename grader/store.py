"""The reports folder: names, files that appear whole or not at all, and the runs that went before."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from grader.errors import HarnessError
from grader.models import Rubric, Scorecard

NAME_CHARS = 64
RESERVED = frozenset({"index.html"})  # what the folder itself holds


# --- names ------------------------------------------------------------------------------------------------------------


def names(paths: list[Path], folder: Path) -> tuple[list[str], list[str]]:
    """Give each submission the name of its reports, and a warning for each that is not its own.

    A digest (of the path) is added where nothing usable remains, where the name is taken by something else in the
    reports folder, or where two share one, upper and lower case alike.
    """
    plain = [_reduce(path) for path in paths]
    shared = Counter(name.lower() for name in plain)
    given: list[str] = []
    warnings: list[str] = []
    for path, name in zip(paths, plain, strict=True):
        if name and name.lower() not in RESERVED and shared[name.lower()] == 1 and not _is_taken(folder / name):
            given.append(name)
            continue
        digest = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()
        unique = ""
        for digits in range(8, len(digest) + 1):
            ending = digest[:digits]
            unique = f"{name[: NAME_CHARS - digits - 1]}-{ending}" if name else ending
            if unique.lower() not in shared and unique not in given:
                break
        why = "another submission has the same name" if shared[name.lower()] > 1 and name else "its name is not usable"
        warnings.append(f"{path}: {why}; its reports are in {folder / unique}")
        given.append(unique)
    return given, warnings


def _reduce(path: Path) -> str:
    whole = path.resolve()  # `.` has a name too
    name = whole.stem if whole.suffix.lower() == ".zip" and not whole.is_dir() else whole.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip(".-")[:NAME_CHARS]


def _is_taken(path: Path) -> bool:
    return path.is_symlink() or (path.exists() and not path.is_dir())


# --- files ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Store:
    """Scorecards and reports in one folder. Every method raises HarnessError where the disk does not do its part."""

    folder: Path

    def keep(self, card: Scorecard) -> Path:
        """Write a scorecard; the one of an earlier run moves into the history. Gives its folder."""
        place = self.folder / card.submission.name
        path = place / "scorecard.json"
        if path.exists():
            self._keep_earlier(path)
        write(path, card.to_json() + "\n")
        return place

    def report(self, card: Scorecard, rubric: Rubric) -> Path:
        """Write the report of one submission."""
        from grader.report import html

        path = self.folder / card.submission.name / "report.html"
        write(path, rendered(path, lambda: html.render_report(card, rubric)))
        return path

    def index(self, rubric: Rubric) -> tuple[Path, list[str]]:
        """Write the index over every scorecard in the folder, and say which could not be read."""
        from grader.report import html

        cards, unreadable = [], []
        for path in sorted(self.folder.glob("*/scorecard.json")):
            try:
                cards.append(Scorecard.model_validate_json(path.read_bytes()))
            except (OSError, ValidationError):
                unreadable.append(f"{path} is no scorecard of this version; the index leaves it out")
        path = self.folder / "index.html"
        write(path, rendered(path, lambda: html.render_index(cards, rubric)))
        return path, unreadable

    def extra(self, form: str, path: Path, cards: list[Scorecard], rubric: Rubric) -> None:
        """Write what a pipeline asked for: form is junit, gradescope, summary or csv."""
        from grader.report import gradescope, junit, summary, table

        forms = {"junit": junit.render, "gradescope": gradescope.render, "summary": summary.render, "csv": table.render}
        write(path, rendered(path, lambda: forms[form](cards, rubric)))

    def _keep_earlier(self, path: Path) -> None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise HarnessError(f"{path} cannot be read: {error.strerror}; the earlier scorecard is not lost") from None
        try:
            started = str(json.loads(data)["run"]["started_at"])
        except (ValueError, LookupError, TypeError, RecursionError):
            started = "unknown"
        stamp = re.sub(r"[^0-9A-Za-z]+", "-", started)[:40].strip("-")
        write(path.parent / "history" / f"{stamp}-{hashlib.sha256(data).hexdigest()[:8]}.json", data)


def rendered(path: Path, render: Callable[[], str]) -> str:
    """Render what goes to path; a fault of ours in there costs that file, not the batch. Raises HarnessError."""
    try:
        return render()
    except Exception as error:
        raise HarnessError(f"{path} could not be made: internal error: {type(error).__name__}: {error}") from error


def write(path: Path, content: str | bytes) -> None:
    """Write a file that appears whole or not at all, also when the power fails. Raises HarnessError."""
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
        temporary = None
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(parent)  # the new name, too
        finally:
            os.close(parent)
    except OSError as error:
        raise HarnessError(f"{path} cannot be written: {error.strerror}; make room or choose another --out") from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
