"""Many submissions on the nodes of a Dask cluster: the client sends snapshots, nodes send scorecards back.

A node is a Dask worker that `grader node` started, after it had attacked its own sandbox. It offers a resource that
names sandbox and version, as many times as it can grade at once, so that a job goes only where it can be done and none
is overbooked. Client, scheduler and nodes trust each other; docs/scale.md says what that asks of their network.
"""

from __future__ import annotations

import os
import queue
import sys
import time
from asyncio import CancelledError
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from grader import __version__, batch, capacity
from grader.errors import GraderError, HarnessError, UsageError
from grader.grade import Brought, bring
from grader.models import Event, Job, Limits, Scorecard

Live = dict[str, tuple[Job, datetime, Any]]  # what was handed over, by name, with its Dask future

CONNECT_S = 10.0
NODE_WITHIN_S = 60.0  # for one to be there, at the start and when all were lost
LOOK_EVERY_S = 2.0
DEATHS = 1  # of nodes that had a submission; with one more it goes alone, and then is given up
AHEAD = 2  # jobs handed over for each that the nodes can grade at once
EXTRA = "--cluster needs the extra `cluster`: pip install 'ml-screen-grader[cluster]'"


def resource(sandbox: str) -> str:
    """Give the name of what a node of this version offers."""
    return f"grader-{__version__}-{sandbox}"


# --- the client -------------------------------------------------------------------------------------------------------


class Cluster:
    """Jobs on other machines (an Executor)."""

    def __init__(self, address: str, sandbox: str) -> None:
        """Connect to a scheduler. Raises UsageError without extra or address, HarnessError where none answers."""
        self._address = address
        try:
            from distributed import Client
            from distributed.comm.addressing import parse_address, parse_host_port
        except ImportError:
            raise UsageError(EXTRA) from None
        try:
            parse_host_port(parse_address(address)[1])
        except ValueError as error:
            raise UsageError(f"--cluster {address!r} is no address such as tcp://HOST:8786: {error}") from None
        try:
            self._client: Any = Client(address, timeout=CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            raise HarnessError(
                f"no Dask scheduler answers at {address}: {error}; start one with `dask scheduler`, see docs/scale.md"
            ) from None
        self._wanted = ("docker", "bubblewrap") if sandbox == "auto" else (sandbox,)
        self.sandbox = self._wanted[0]

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Wait for a node with the sandbox. Raises HarnessError where none comes."""
        until, told = time.monotonic() + NODE_WITHIN_S, False
        while True:
            offers = self._offers()
            for name in self._wanted:
                if offers.get(resource(name)):
                    self.sandbox = name
                    try:
                        self._client.run_on_scheduler(_give_up_after, deaths=DEATHS)
                    except Exception as error:
                        progress(f"the scheduler keeps its own number of allowed failures: {error}")
                    return
            if time.monotonic() > until:
                raise HarnessError(self._no_node(offers))
            if not told:
                progress(f"waiting for a node at {self._address}")
                told = True
            time.sleep(0.5)

    def run(self, jobs: Sequence[Job]) -> Generator[Event | Scorecard]:
        """Grade jobs on the nodes: one scorecard for every job, whatever becomes of nodes and scheduler."""
        waiting, live, done = deque(jobs), Live(), queue.SimpleQueue[str]()
        suspects: deque[Job] = deque()  # nodes were lost with them, or with a neighbour: each goes once more, alone
        alone: Job | None = None
        seen = time.monotonic()  # a node
        try:
            while waiting or live or suspects:
                slots = self._slots()
                seen = time.monotonic() if slots else seen
                if time.monotonic() - seen > NODE_WITHIN_S:
                    reason = self._no_node(self._offers())
                    yield from (batch.failed(job, started, reason) for job, started, _ in live.values())
                    yield from (batch.failed(job, datetime.now(UTC), reason) for job in (*waiting, *suspects))
                    self._cancel(live)
                    return
                while waiting and len(live) < AHEAD * max(1, slots):
                    yield from self._submit(waiting.popleft(), live, done)
                if suspects and not waiting and not live:
                    alone = suspects.popleft()
                    yield from self._submit(alone, live, done)
                with suppress(queue.Empty):
                    job, started, future = live.pop(done.get(timeout=LOOK_EVERY_S))
                    if _lost_nodes(future) and job is not alone:
                        suspects.append(job)
                    else:
                        yield _outcome(job, started, future)
        finally:
            self._cancel(live)

    def clean_up(self) -> None:
        with suppress(Exception):
            self._client.close(timeout=CONNECT_S)

    def _submit(self, job: Job, live: Live, done: queue.SimpleQueue[str]) -> Generator[Scorecard]:
        """Hand a job over; gives a scorecard where that fails."""
        started = datetime.now(UTC)
        try:
            brought = bring(job)
        except GraderError as error:
            yield batch.failed(job, started, str(error))
            return
        try:
            future = self._client.submit(
                grade_here,
                job,
                brought,
                resources={resource(job.sandbox): 1},
                pure=False,
            )
        except Exception as error:
            yield batch.failed(job, started, f"it could not be handed to the scheduler at {self._address}: {error}")
            return
        live[job.name] = job, started, future
        future.add_done_callback(lambda _: done.put(job.name))

    def _cancel(self, live: Live) -> None:
        with suppress(Exception):  # what cannot be told to a scheduler that is gone
            self._client.cancel([future for _, _, future in live.values()])
        live.clear()

    def _offers(self) -> dict[str, int]:
        """Give how many of each resource the nodes offer together."""
        found: dict[str, int] = {}
        with suppress(Exception):  # a scheduler that is gone offers nothing
            for node in self._client.scheduler_info(n_workers=-1)["workers"].values():
                for name, number in node["resources"].items():
                    found[name] = found.get(name, 0) + int(number)
        return found

    def _slots(self) -> int:
        return self._offers().get(resource(self.sandbox), 0)

    def _no_node(self, offers: dict[str, int]) -> str:
        wanted = " or ".join(map(resource, self._wanted))
        there = ", ".join(sorted(offers)) or "nothing"
        return (
            f"no node at {self._address} has offered {wanted} for {NODE_WITHIN_S:.0f} s; they offer {there}. "
            f"Start one with `grader node {self._address}`, of version {__version__}"
        )


def _outcome(job: Job, started: datetime, future: Any) -> Scorecard:
    """Read what came of a job on the nodes."""
    from distributed import KilledWorker

    try:
        card = Scorecard.model_validate_json(future.result(timeout=CONNECT_S))
        if card.submission.name == job.name:
            return card
        reason = "a node gave another submission's scorecard"
    except KilledWorker as error:
        reason = f"{error.allowed_failures + 1} nodes were lost while it was alone on them; it is not given to another"
    except (Exception, CancelledError) as error:
        reason = f"the cluster failed: {type(error).__name__}: {error}"
    return batch.failed(job, started, reason)


def _lost_nodes(future: Any) -> bool:
    from distributed import KilledWorker

    return future.status == "error" and isinstance(future.exception(timeout=CONNECT_S), KilledWorker)


def _give_up_after(deaths: int, dask_scheduler: Any = None) -> None:
    dask_scheduler.allowed_failures = deaths


# --- the node ---------------------------------------------------------------------------------------------------------


def grade_here(job: Job, brought: Brought) -> str:
    """Grade one job in a child process of this node: a scorecard as JSON."""
    for item in batch.run([job], work=partial(batch.grade_job, brought=brought)):
        if isinstance(item, Scorecard):
            return item.to_json(indent=None)
    raise HarnessError("the batch ended without a scorecard")


def join(address: str, host: str | None, sandbox: str, at_once: int | None) -> None:
    """Become a node of the cluster at address and never return; whoever calls knows that the sandbox is sound."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise UsageError(EXTRA) from None
    slots = at_once or capacity.at_most(Limits())[0]
    command = [
        *(sys.executable, "-m", "distributed.cli.dask_worker", address, "--nworkers", "1", "--nthreads", str(slots)),
        *("--resources", f"{resource(sandbox)}={slots}", "--no-dashboard", "--memory-limit", "0"),
        *(("--host", host) if host else ()),
    ]
    # Children of ours grade, and Dask would not let its worker have any.
    os.execve(sys.executable, command, {**batch.environment(), "DASK_DISTRIBUTED__WORKER__DAEMON": "False"})
