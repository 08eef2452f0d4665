"""The reports folder: names, files that appear whole or not at all, and the runs that went before."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from grader import __version__
from grader.errors import HarnessError
from grader.models import Job, Outcome, Rubric, Scorecard
from grader.sandbox import owner

NAME_CHARS = 64
FORGOTTEN_S = 24 * 3600.0  # an unfinished file this old is nobody's, wherever it was written
# What the folder itself holds.
RESERVED = frozenset({"index.html", "reviews.sqlite", "reviews.sqlite-wal", "reviews.sqlite-shm"})


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
    marked: Callable[[Scorecard], Scorecard] = lambda card: card  # puts in the marks that reviewers gave

    def keep(self, card: Scorecard) -> Scorecard:
        """Write a scorecard with its marks, and give it; the one of an earlier run moves into the history."""
        with self._held(card.submission.name) as place:
            return self._replace(place, self.marked(card))

    def mark(self, name: str) -> Scorecard:
        """Bring the marks in a scorecard up to date, and give it; nothing is written where they are."""
        with self._held(name) as place:
            card = self.scorecard(name)
            marked = self.marked(card)
            return card if marked == card else self._replace(place, marked)

    def scorecard(self, name: str) -> Scorecard:
        """Read a scorecard."""
        path = self.folder / name / "scorecard.json"
        try:
            return Scorecard.model_validate_json(path.read_bytes())
        except OSError as error:
            raise HarnessError(f"{path} cannot be read: {error.strerror}; grade the submission first") from None
        except ValidationError:
            raise HarnessError(f"{path} is no scorecard of this version; grade the submission again") from None

    def place_in_history(self, name: str) -> Path:
        """Give where the scorecard of a name moves when another takes its place."""
        return self._earlier(self.folder / name / "scorecard.json")[0]

    def finished(self, job: Job, digest: str, kit: str | None) -> Scorecard | None:
        """Give the scorecard that grading this job would give again, but for chance; nothing where there is none."""
        try:
            card = self.scorecard(job.name)
        except HarnessError:
            return None
        run, submission = card.run, card.submission
        then = (submission.name, submission.digest, submission.kit, run.rubric_digest, run.only, run.sandbox)
        now = (job.name, digest, kit, job.rubric_digest, job.only, job.sandbox)
        same = then == now and run.versions.get("grader") == __version__ and not run.rescored
        return card if same and card.outcome is Outcome.graded else None

    def report_is_old(self, card: Scorecard) -> bool:
        """Tell whether a run ended between a scorecard and its report."""
        place = self.folder / card.submission.name
        try:
            return (place / "report.html").stat().st_mtime_ns < (place / "scorecard.json").stat().st_mtime_ns
        except OSError:
            return True

    def index_is_old(self) -> bool:
        """Tell whether a scorecard is newer than the index."""
        try:
            made = (self.folder / "index.html").stat().st_mtime_ns
            return any(path.stat().st_mtime_ns > made for path in self.folder.glob("*/scorecard.json"))
        except OSError:
            return True

    def folders(self) -> list[Path]:
        """Give every folder that files of ours are written to."""
        return [self.folder, *self.folder.glob("*/"), *self.folder.glob("*/history/")]

    def report(self, card: Scorecard, rubric: Rubric) -> Path:
        """Write the report of one submission."""
        from grader.report import html

        path = self.folder / card.submission.name / "report.html"
        write(path, rendered(path, lambda: html.render_report(card, rubric)))
        return path

    def index(self, rubric: Rubric) -> tuple[Path, list[str]]:
        """Write the index over every scorecard in the folder, and say which could not be read."""
        from grader.report import html

        cards, unreadable = self.cards()
        path = self.folder / "index.html"
        write(path, rendered(path, lambda: html.render_index(list(cards.values()), rubric)))
        return path, unreadable

    def cards(self) -> tuple[dict[Path, Scorecard], list[str]]:
        """Read every scorecard, by its folder, and say which cannot be read."""
        cards, unreadable = {}, []
        for path in sorted(self.folder.glob("*/scorecard.json")):
            try:
                cards[path.parent] = self.scorecard(path.parent.name)
            except HarnessError:
                unreadable.append(f"{path} is no scorecard of this version; it is left out")
        return cards, unreadable

    def extra(self, form: str, path: Path, cards: list[Scorecard], rubric: Rubric) -> None:
        """Write what a pipeline asked for: form is junit, gradescope, summary or csv."""
        from grader.report import gradescope, junit, summary, table

        forms = {"junit": junit.render, "gradescope": gradescope.render, "summary": summary.render, "csv": table.render}
        write(path, rendered(path, lambda: forms[form](cards, rubric)))

    @contextmanager
    def _held(self, name: str) -> Iterator[Path]:
        """Keep other runs and reviewers away from a submission's scorecard while it is read and replaced."""
        place = self.folder / name
        try:
            make_folder(place)
            fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise HarnessError(f"{place} cannot be written: {error.strerror}; choose another --out") from None
        try:
            with suppress(OSError):  # a file system without locks: as good as it can be
                fcntl.flock(fd, fcntl.LOCK_EX)
            yield place
        finally:
            os.close(fd)

    def _replace(self, place: Path, card: Scorecard) -> Scorecard:
        path = place / "scorecard.json"
        if path.exists():
            write(*self._earlier(path))
        write(path, card.to_json() + "\n")
        return card

    def _earlier(self, path: Path) -> tuple[Path, bytes]:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise HarnessError(f"{path} cannot be read: {error.strerror}; the earlier scorecard is not lost") from None
        try:
            started = str(json.loads(data)["run"]["started_at"])
        except (ValueError, LookupError, TypeError, RecursionError):
            started = "unknown"
        stamp = re.sub(r"[^0-9A-Za-z]+", "-", started)[:40].strip("-")
        return path.parent / "history" / f"{stamp}-{hashlib.sha256(data).hexdigest()[:8]}.json", data


def rendered(path: Path, render: Callable[[], str]) -> str:
    """Render what goes to path; a fault of ours in there costs that file, not the batch. Raises HarnessError."""
    try:
        return render()
    except Exception as error:
        raise HarnessError(f"{path} could not be made: internal error: {type(error).__name__}: {error}") from error


def write(path: Path, content: str | bytes) -> None:
    """Write a file that appears whole or not at all, also when the power fails. Raises HarnessError."""
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    temporary = path.parent / f".{owner.new_name()}.tmp"
    try:
        make_folder(path.parent)
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)  # the new name, too
    except OSError as error:
        raise HarnessError(f"{path} cannot be written: {error.strerror}; make room or choose another --out") from None
    finally:
        with suppress(OSError):
            temporary.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that lack, to stay also when the power fails. Raises OSError."""
    for missing in reversed([place for place in (folder, *folder.parents) if not place.is_dir()]):
        missing.mkdir(exist_ok=True)
        _sync(missing.parent)


def sweep(folders: Iterable[Path], ours: bool = False) -> int:
    """Take away what dead runs did not finish writing, and what this one did not where nothing more is written."""
    swept = 0
    for path in (path for folder in folders for path in folder.glob(f".{owner.PREFIX}.*.tmp")):
        whose = owner.of_name(path.name[1 : -len(".tmp")])
        with suppress(OSError):
            if whose and (
                whose.is_dead()
                or (ours and whose == owner.this_process())
                or time.time() - path.stat().st_mtime > FORGOTTEN_S
            ):
                path.unlink()
                swept += 1
    return swept


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
