"""`grade`: check everything that was asked for, grade, write the reports, and say how it went by the exit status."""

from __future__ import annotations

import atexit
import math
import os
import re
import signal
import sys
from contextlib import closing, suppress
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from grader.errors import HarnessError, UsageError
from grader.options import Out, RubricFile
from grader.version import Version

# Everything that takes long to import waits until there is something to grade, so that --help answers at once.
if TYPE_CHECKING:
    from collections.abc import Callable

    from grader.executor import Executor
    from grader.models import Criterion, Job, Rubric, Scorecard
    from grader.store import Store
    from grader.terminal import Display

SEEDS = 2**48  # too many for a submission to try them against what it is asked
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130  # as shells give it
NAMES = 10  # that one message lists
SANDBOX_HELP = "auto: docker if an engine answers, else bubblewrap.  [default: auto]"

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def grade(
    submissions: Annotated[list[str], typer.Argument(metavar="SUBMISSION", help="A folder, or a .zip of one.")],
    rubric: RubricFile = None,
    sandbox: Annotated[
        Literal["auto", "docker", "bubblewrap"] | None, typer.Option(help=SANDBOX_HELP, show_default=False)
    ] = None,
    out: Out = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", metavar="N", help="Submissions at once on this machine.  [default: 1]", show_default=False
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Grade on the nodes of a Dask scheduler instead.", show_default=False),
    ] = None,
    kit: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The kit that was given, else what submission.toml says.", show_default=False),
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(metavar="X", help="Exit 1 if a score is below it.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Seed of the judge's inputs; else random, and recorded.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Only criteria whose id matches.", show_default=False)
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="JUnit XML.", show_default=False)] = None,
    gradescope: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Gradescope results.json.", show_default=False)
    ] = None,
    summary: Annotated[Path | None, typer.Option(metavar="FILE", help="Markdown.", show_default=False)] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="One line a submission.", show_default=False)] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep what is graded already: same files, rubric, kit, --only, sandbox.")
    ] = False,
    allow_weak_sandbox: Annotated[
        bool, typer.Option("--allow-weak-sandbox", help="Grade where the sandbox lacks a required promise.")
    ] = False,
    blind: Annotated[
        bool, typer.Option("--blind", help="Code names instead of names, everywhere; `grader reveal` maps back.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Scorecards to standard output, one a line, and nothing else there.")
    ] = False,
    version: Version = False,
) -> int:
    """Grade submissions: run them in a sandbox, judge them outside it, and write reports.

    Exit status: 0 graded, 1 a score is below --min-score, 2 usage (nothing was graded), 3 the harness failed.

    Options that are not given are taken from grader.toml in this folder or one above (see `grader init`).
    """
    from grader import rubric as rubrics
    from grader import settings, store, submission

    if "" in submissions:
        raise UsageError("a SUBMISSION is empty, by a variable without a value perhaps; name a folder or a .zip")
    paths = _distinct([Path(path) for path in submissions])
    for path in paths:
        submission.check(path)
    said = settings.load(paths)
    for path in said.passed_over:
        _say(f"warning: {path} lies in a submission and is not read")
    rubric, sandbox, out = rubric or said.rubric, sandbox or said.sandbox, out or said.out
    min_score = said.min_score if min_score is None else min_score
    lines = rubrics.load(rubric)
    _check_numbers(jobs, min_score, seed, lines)
    if cluster is not None and jobs is not None:
        raise UsageError("--jobs is about this machine; with --cluster each node says how many it grades at once")
    _check_only(only, lines, min_score)
    _check_kit(kit)
    if gradescope is not None and len(paths) > 1:
        raise UsageError(f"--gradescope holds one submission, and {len(paths)} are given; grade them one by one")
    outputs = {"junit": junit, "gradescope": gradescope, "summary": summary, "csv": csv}
    extra = {name: path for name, path in outputs.items() if path is not None}
    _check_writable(out, extra)
    if as_json and isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")

    reports = store.Store(out, _marking(out, lines))
    executor: Executor
    if cluster is None:
        from grader.executor import ThisMachine

        executor = ThisMachine(sandbox, jobs or 1, lines.limits, _say, len(paths))
    else:
        from grader.cluster import Cluster

        executor = Cluster(cluster, sandbox)

    def written_to() -> list[Path]:
        return [*reports.folders(), *(path.parent for path in extra.values())]

    try:
        store.sweep(written_to())
        executor.prepare(_say)
        how: dict[str, object] = {
            "sandbox": executor.sandbox,
            "allow_weak_sandbox": allow_weak_sandbox,
            "kit": kit,
            "only": only,
        }
        todo = _jobs(paths, out, lines, seed, how)
        names = _blinded(todo) if blind else {}
        kept = _kept(todo, seed, reports) if resume else []
        cards, failed = _run(todo, kept, executor, lines, reports, as_json, names)
        failed |= _finish(cards, lines, reports, extra, as_json)
    finally:
        _clean_up(executor, written_to())
    if failed or any(card.score is None for card in cards):
        return 3
    return int(min_score is not None and _are_below(min_score, cards))


# --- checked before anything is graded --------------------------------------------------------------------------------


def _distinct(paths: list[Path]) -> list[Path]:
    kept: dict[Path, Path] = {}
    for path in paths:
        if path.absolute() in kept:
            _say(f"{path} is given twice; it is graded once")
        kept.setdefault(path.absolute(), path)
    return list(kept.values())


def _check_numbers(jobs: int | None, min_score: float | None, seed: int | None, rubric: Rubric) -> None:
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs is {jobs}; it must be at least 1")
    if min_score is not None and not math.isfinite(min_score):
        raise UsageError(f"--min-score is {min_score}; it must be a number such as 70")
    if min_score is not None and min_score > rubric.max_score:
        raise UsageError(f"--min-score is {min_score:g}; at most {rubric.max_score:g} can be reached")
    if seed is not None and not 0 <= seed < SEEDS:
        raise UsageError(f"--seed is {seed}; it must be from 0 to {SEEDS - 1}")


def _check_kit(kit: str | None) -> None:
    """Refuse what is no kit id, and warn where it has no key: candidates would lose points by a slip that is ours."""
    from grader.kit import keys
    from grader.models import KIT_ID

    if kit is not None and not re.fullmatch(KIT_ID, kit):
        raise UsageError(f"--kit {kit!r} is no kit id; it is printed in the kit's README, like k-2f7c91")
    if kit is not None and kit not in keys.read(keys.default_path()):
        _say(
            f"warning: kit {kit} has no key in {keys.default_path()}, so that every diagnosis earns 0; check the id, "
            f"or name another key file in {keys.VARIABLE}"
        )


def _check_only(only: str | None, rubric: Rubric, min_score: float | None) -> None:
    selected = _selected(only, rubric)
    if not selected:
        ids = ", ".join(line.id for line in rubric.criteria)
        raise UsageError(f"--only {only!r} matches no criterion of this rubric; it has {ids}")
    if min_score is not None and min_score > 0 and all(line.bonus for line in selected):
        raise UsageError(
            f"--only {only!r} matches bonus alone, which no score counts, and --min-score is {min_score:g}; "
            "leave --only away, or set --min-score 0"
        )


def _selected(only: str | None, rubric: Rubric) -> list[Criterion]:
    from fnmatch import fnmatch

    return [line for line in rubric.criteria if only is None or fnmatch(line.id, only)]


def _check_writable(out: Path, extra: dict[str, Path]) -> None:
    """Find out now, not after an hour of grading, that a report has nowhere to go."""
    from grader.store import make_folder

    wanted = [("--out", out, out), *((f"--{name}", path, path.parent) for name, path in extra.items())]
    for option, path, folder in wanted:
        if folder is not path and path.is_dir():
            raise UsageError(f"{option} {path} is a folder; name a file")
        try:
            make_folder(folder)
        except FileExistsError as error:
            raise UsageError(f"{option} {path} cannot be written: {error.filename} is a file, not a folder") from None
        except OSError as error:
            raise UsageError(f"{option} {path} cannot be written: {error.strerror}: {error.filename}") from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UsageError(f"{option} {path} cannot be written: no permission for {folder}")
    targets = [path.absolute() for path in extra.values()]
    if len(set(targets)) < len(targets):
        raise UsageError(f"two outputs go to the same file; {', '.join(f'--{name}' for name in extra)} need one each")


# --- grading ----------------------------------------------------------------------------------------------------------


def _jobs(paths: list[Path], out: Path, rubric: Rubric, seed: int | None, how: dict[str, object]) -> list[Job]:
    import secrets

    from grader import rubric as rubrics
    from grader import store
    from grader.models import Job

    names, warnings = store.names(paths, out)
    for warning in warnings:
        _say(f"warning: {warning}")
    shared = {
        "rubric": rubric,
        "rubric_digest": rubrics.digest(rubric),
        "seed": secrets.randbelow(SEEDS) if seed is None else seed,
        **how,
    }
    return [
        Job.model_validate({"path": str(path.absolute()), "name": name, **shared})
        for path, name in zip(paths, names, strict=True)
    ]


def _blinded(jobs: list[Job]) -> dict[str, str]:
    """Rename jobs to code names. Gives the name behind each."""
    from grader import blind

    codes = blind.codes([job.name for job in jobs], blind.default_path())
    names = {codes[job.name]: job.name for job in jobs}
    jobs[:] = [job.model_copy(update={"name": codes[job.name]}) for job in jobs]
    return names


def _kept(jobs: list[Job], seed: int | None, store: Store) -> list[Scorecard]:
    """Give the scorecards that need not be made again; the jobs that are left to do take their seed."""
    from grader import submission
    from grader.errors import GraderError

    kept = []
    for job in jobs:
        with suppress(GraderError):  # what cannot be read is graded, and told then
            snapshot = submission.read(Path(job.path), job.rubric.limits)
            card = store.finished(job, snapshot.digest, job.kit or snapshot.kit)
            if card is not None and seed in (None, card.run.seed):
                kept.append(card)
    _say(f"resumed: {len(kept)} of {len(jobs)} are graded already and kept")
    if kept:
        latest = max(kept, key=lambda card: card.run.started_at).run.seed
        jobs[:] = [job.model_copy(update={"seed": latest}) for job in jobs]
    return kept


def _run(
    jobs: list[Job],
    kept: list[Scorecard],
    executor: Executor,
    rubric: Rubric,
    store: Store,
    as_json: bool,
    names: dict[str, str],
) -> tuple[list[Scorecard], bool]:
    """Grade what is not kept, and keep each scorecard as it comes.

    Gives the scorecards as ordered, and whether one could not be written.
    """
    from grader import blind, terminal
    from grader.models import Event

    order = {job.name: i for i, job in enumerate(jobs)}
    cards = list(kept)
    failed = False
    criteria = len(_selected(jobs[0].only, rubric))
    done = {card.submission.name for card in kept}
    todo = [job for job in jobs if job.name not in done]
    with terminal.display(len(todo), criteria) as shown, closing(executor.run(todo)) as said:
        try:
            for card in kept:
                failed |= not _reported(card, rubric, store, shown)[1]
                if as_json:
                    print(card.to_json(indent=None), flush=True)
            for item in said:
                if isinstance(item, Event):
                    shown.event(item)
                    continue
                if code := item.submission.name if names else "":
                    item = blind.conceal(item, names[code], code)
                cards.append(item)
                shown.done(item)
                cards[-1], written = _reported(item, rubric, store, shown, new=True)
                failed |= not written
                if as_json:
                    print(cards[-1].to_json(indent=None), flush=True)
        except KeyboardInterrupt:
            shown.say(f"interrupted; the {len(cards)} of {len(jobs)} that were finished are kept in {store.folder}")
            if left := [name for name in order if name not in {card.submission.name for card in cards}]:
                shown.say(f"left: {terminal.some(left, NAMES)}; the same command with --resume goes on with them")
            with suppress(HarnessError):
                store.index(rubric)
            raise
    return sorted(cards, key=lambda card: order[card.submission.name]), failed


def _marking(out: Path, rubric: Rubric) -> Callable[[Scorecard], Scorecard]:
    """Give what puts marks that these files were given earlier into a scorecard; no grade is lost for want of them."""
    from grader.review.book import Book
    from grader.review.publish import marking

    put_in = marking(Book(out), rubric)

    def marked(card: Scorecard) -> Scorecard:
        try:
            return put_in(card)
        except HarnessError as error:
            _say(f"warning: {card.submission.name}: earlier marks are not in its scorecard: {error}")
            return card

    return marked


def _reported(
    card: Scorecard, rubric: Rubric, store: Store, shown: Display, new: bool = False
) -> tuple[Scorecard, bool]:
    """Write a scorecard that is new, and its report where that is not written yet.

    Gives the scorecard as it was written, and whether that went well.
    """
    try:
        if new:
            whole = _whole_before(card, store)
            card = store.keep(card)
            if whole:
                shown.say(whole)
        if new or store.report_is_old(card):
            store.report(card, rubric)
    except HarnessError as error:
        shown.say(f"{card.submission.name}: {error}")
        return card, False
    return card, True


def _whole_before(card: Scorecard, store: Store) -> str:
    """Say where a whole scorecard is kept that this partial one takes the place of; nothing where there is none."""
    from grader.models import Outcome

    name, only = card.submission.name, card.run.only
    if not only:
        return ""
    with suppress(HarnessError):
        before = store.scorecard(name)
        if before.outcome is Outcome.graded and not before.run.only:
            return (
                f"{name}: --only {only} replaces a whole scorecard, kept as {store.place_in_history(name)}; "
                "grade without --only to have it whole again, or with another --out to keep both"
            )
    return ""


def _finish(cards: list[Scorecard], rubric: Rubric, store: Store, extra: dict[str, Path], as_json: bool) -> bool:
    """Write what is about all submissions, and print the table: whether something could not be written."""
    from grader import terminal

    failed, index = False, None
    if unjudged := terminal.without_key(cards):
        _say(
            f"warning: this machine has no key for {terminal.some(unjudged, NAMES)}, "
            "so that every diagnosis of these kits earned 0; see docs/kits.md"
        )
    try:
        index, unreadable = store.index(rubric)
        for text in unreadable:
            _say(f"warning: {text}")
    except HarnessError as error:
        _say(str(error))
        failed = True
    for name, path in extra.items():
        try:
            store.extra(name, path, cards, rubric)
        except HarnessError as error:
            _say(str(error))
            failed = True
    text = terminal.table(cards, store.folder) + (f"\n\nall of {store.folder}: {index}" if index else "")
    print(text, file=sys.stderr if as_json else sys.stdout)
    return failed


def _are_below(min_score: float, cards: list[Scorecard]) -> bool:
    """Say which scores are below the bar, and whether any is."""
    from grader import terminal

    below = terminal.below(cards, min_score)
    if below:
        _say(f"below --min-score {min_score:g}: {terminal.some(below, NAMES)}")
    return bool(below)


def _clean_up(executor: Executor, folders: list[Path]) -> None:
    """Take away what children left that were killed, and what was not written to its end."""
    from grader import store

    # Ctrl-C has had its say. What follows takes no time, and a handler put back would not live through Python's end.
    for number in INTERRUPTS:
        signal.signal(number, signal.SIG_IGN)
    store.sweep(folders, ours=True)
    executor.clean_up()


def _say(text: str) -> None:
    from grader.terminal import say

    say(text)


# --- the entry --------------------------------------------------------------------------------------------------------


def main() -> None:
    """Run `grade` and exit with its status."""
    for number in INTERRUPTS:  # all like Ctrl-C: children are ended, what is finished is kept
        if signal.getsignal(number) is not signal.SIG_IGN:  # as a job in the background or under nohup is born
            signal.signal(number, _interrupt)
    leave(run(app, "grade", sys.argv[1:]))


def run(application: typer.Typer, name: str, arguments: list[str]) -> int:
    """Run a command line: every error is one clear line on standard error and an exit status, never a traceback."""
    try:
        status = application(arguments, prog_name=name, standalone_mode=False)
        return status if isinstance(status, int) else 0
    except UsageError as error:
        _say(f"{name}: {error}")
        return 2
    except typer.TyperException as error:
        _say(f"{name}: {error.format_message().replace('Value error, ', '').rstrip('.')}; see {name} --help")
        return 2
    except HarnessError as error:
        _say(f"{name}: {error}")
        return 3
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its end
        return 3
    except Exception as error:
        _say(f"{name}: internal error: {type(error).__name__}: {error} ({_place(error)})")
        return 3


def leave(status: int) -> NoReturn:
    """Exit with a status. Where Ctrl-C strikes in an `exec` of text, as the import of a dataclass is one, CPython keeps
    in mind that nobody handled it, though we did, and ends by SIGINT whatever sys.exit says: hence not by that."""
    if status == INTERRUPTED:
        atexit._run_exitfuncs()
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(status)
    sys.exit(status)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "no place known"


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
