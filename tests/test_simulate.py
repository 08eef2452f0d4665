"""The simulated queue is the one of the textbooks where these have a formula."""

from __future__ import annotations

import importlib.util
import math
import random
import statistics
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def simulate() -> ModuleType:
    path = Path(__file__).resolve().parent.parent / "bench" / "simulate.py"
    spec = importlib.util.spec_from_file_location("simulate", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["simulate"] = module
    spec.loader.exec_module(module)
    return module


def erlang_c_wait(rate: float, service_s: float, servers: int) -> float:
    """Mean wait of M/M/c: Erlang's C formula."""
    load = rate * service_s
    full = load**servers / math.factorial(servers) * servers / (servers - load)
    waits = full / (sum(load**k / math.factorial(k) for k in range(servers)) + full)
    return waits * service_s / (servers - load)


@pytest.mark.parametrize(("servers", "rate"), [(1, 0.6), (3, 2.4), (8, 6.8)])
def test_random_service_waits_as_erlang_says(simulate: ModuleType, servers: int, rate: float) -> None:
    """Poisson arrivals and exponential service of one second."""
    rng = random.Random(3)
    at, arrivals = 0.0, []
    for _ in range(400_000):
        at += rng.expovariate(rate)
        arrivals.append(at)
    service = [rng.expovariate(1.0) for _ in arrivals]
    mean = statistics.fmean(simulate.waits(arrivals, service, servers))
    assert mean == pytest.approx(erlang_c_wait(rate, 1.0, servers), rel=0.06)


def test_constant_service_waits_half_as_long(simulate: ModuleType) -> None:
    """One server, constant service: the formula of Pollaczek and Khinchine."""
    rng, at, arrivals, rate = random.Random(4), 0.0, [], 0.8
    for _ in range(400_000):
        at += rng.expovariate(rate)
        arrivals.append(at)
    mean = statistics.fmean(simulate.waits(arrivals, [1.0] * len(arrivals), 1))
    assert mean == pytest.approx(rate / (2 * (1 - rate)), rel=0.06)


def test_a_season_peaks_before_its_deadline(simulate: ModuleType) -> None:
    """All come in time and in order, half of them on the last day, most of those in its last hours."""
    arrivals = simulate.season(20_000, random.Random(1))
    end = simulate.DAYS * simulate.DAY_S
    assert arrivals == sorted(arrivals) and arrivals[0] >= 0 and arrivals[-1] <= end
    last = [a for a in arrivals if a > end - simulate.DAY_S]
    assert len(last) / len(arrivals) == pytest.approx(0.5, abs=0.02)
    assert sum(a > end - 4 * 3600 for a in last) / len(last) == pytest.approx(1 - math.exp(-1), abs=0.03)


def test_the_fewest_slots_that_keep_the_promise_are_found(simulate: ModuleType) -> None:
    """One slot less breaks it."""
    rng = random.Random(1)
    arrivals = simulate.season(5_000, rng)
    service = rng.choices(simulate.SERVICE_S, k=len(arrivals))
    found = simulate.slots_for(arrivals, service, 60)
    assert found.p95 <= 60 < simulate.simulate(arrivals, service, found.slots - 1).p95
