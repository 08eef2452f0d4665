"""Sources that break Python's own parser break it inside, in a process that is there to be broken."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from grader.candidate import Candidate, CandidateFault
from grader.models import CheckResult, Limits, Verdict
from grader.sandbox import choose

pytestmark = pytest.mark.bubblewrap
MIB = 2**20
SOURCES: dict[str, bytes] = {
    "open brackets": b"(" * MIB,
    "nested lists": b"x = " + b"[" * 5000 + b"]" * 5000,
    "a long sum": b"x = 1" + b"+1" * 50_000,
    "minus signs": b"x = " + b"-" * 100_000 + b"1",
    "attributes": b"x = a" + b".a" * 100_000,
    "lambdas": b"x = " + b"lambda:" * 20_000 + b"1",
    "indents": b"".join(b" " * i + b"if 1:\n" for i in range(300)) + b" " * 300 + b"pass",
    "nul bytes": b"x = 1\0\n",
    "digits": b"x = " + b"9" * 5000,
    "hexadecimal digits": b"x = 0x" + b"f" * 500_000,
    "not utf-8": b"# caf\xe9\nx = 1\n",
    "latin-1, as it says": b"# coding: latin-1\nx = 'caf\xe9'\n",
    "utf-16": "\ufeffx = 1\n".encode("utf-16-le"),
    "an encoding that is none": b"# coding: \xff\nx = 1\n",
    "an encoding that decodes to something else": b"# coding: utf-7\nx = '+AGEAYg-'\n",
    "an encoding that is no text": b"# coding: hex\nx = 1\n",
    "half a pair": b"x = 1\nraise ValueError('\\ud800')\n",
    "an error of its own": (
        b"raise SyntaxError('\\udfff' * 9999, ('/submission/' + 'x' * 5000, -7, 2**70, '\\udfff' * 999))\n"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def candidate() -> Iterator[Candidate]:
    """One submission with every source as a helper module, in one sandbox; there is no second."""
    sandbox = choose("bubblewrap")
    sandbox.prepare(print)
    files = {"scan.py": b""} | {f"source{i}.py": source for i, source in enumerate(SOURCES.values())}
    found = Candidate(files, {}, Limits(part_s=600), lambda: pytest.fail("a source took the sandbox down"))
    found.boot(sandbox.open(Limits()))
    yield found
    found.close()


@pytest.mark.parametrize("name", SOURCES)
def test_no_source_is_more_than_its_own_fault(name: str, candidate: Candidate) -> None:
    """A source costs what imports it, its message can be stored, and the sandbox goes on."""
    candidate._import_fault.clear()
    candidate.enter("scan", {"scan.py": f"import source{list(SOURCES).index(name)}"})
    with pytest.raises(CandidateFault) as caught:
        candidate.call("nothing")  # where Python takes the source, this fault is what follows
    fault = caught.value
    if name == "an error of its own":
        assert fault.verdict is Verdict.protocol_error
    else:
        assert fault.verdict in (Verdict.runtime_error, Verdict.memory_limit)
        assert re.search("importing|'do_nothing'", fault.message)
    result = CheckResult(id="x", verdict=fault.verdict, message=fault.message, evidence=fault.evidence)
    assert len(result.model_dump_json().encode()) < 20_000
