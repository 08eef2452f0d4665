"""Claims about the scan. combine is a call back to the judge, who so sees every operand."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from grader.candidate import Candidate, CandidateFault, RaisedError, tensor_of
from grader.checks import criterion
from grader.checks.cases import Draw, reference_module
from grader.checks.expect import attempt, expect, expect_before, expect_close, wrong
from grader.checks.products import HALF
from grader.models import Evidence, Rubric, Verdict, jsonable

Laid = Literal["in order", "transposed", "columns", "every other"]
OTHERWISE: tuple[Laid, ...] = ("transposed", "columns", "every other")
LENGTHS = (0, 1, 2, 3, 5, 7, 8, 9, 31, 33, 64)
PRIME = 10007
TINY = 2.0**-40  # multiplies without rounding
CALLS, ROWS = 8192, 1 << 20  # beyond every prefix of 1,000 rows reduced by itself, row by row


@dataclass
class Combiner:
    """An operator that the judge applies, and what it was asked to combine."""

    kind: str  # "matrices" mod a prime, "affine" maps mod a prime, the same "packed", "sums", "tropical", "alike"
    row: tuple[int, ...]
    dtype: torch.dtype = torch.int64
    calls: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    rows: int = 0  # combined in all

    def __call__(self, left: Tensor, right: Tensor) -> Tensor:
        if (
            left.shape != right.shape
            or left.dim() != 1 + len(self.row)
            or tuple(left.shape[1:]) != self.row
            or left.dtype != self.dtype
            or right.dtype != self.dtype
        ):
            raise CandidateFault(
                Verdict.wrong_answer,
                f"combine was given {left.dtype} {list(left.shape)} and {right.dtype} {list(right.shape)}; "
                f"both must be slices [j, {', '.join(map(str, self.row))}] of xs",
            )
        self.rows += len(left)
        if len(self.calls) >= CALLS or self.rows > ROWS:
            raise CandidateFault(
                Verdict.wrong_answer,
                f"combine was called {len(self.calls) + 1} times, for {self.rows:,} rows in all; no scan of these "
                f"lengths takes more than {CALLS:,} calls and {ROWS:,} rows",
            )
        if len(left):  # a call on no rows counts as none
            self.calls.append((left, right))
        return self.combine(left, right)

    def combine(self, left: Tensor, right: Tensor) -> Tensor:
        if self.kind == "matrices":
            a, b = left % PRIME, right % PRIME
            return (a[:, :, :, None] * b[:, None, :, :]).sum(2) % PRIME
        if self.kind == "affine":  # x -> p x + q, the left map first
            (p, q), (r, s) = (left % PRIME).unbind(1), (right % PRIME).unbind(1)
            return torch.stack([p * r % PRIME, (q * r + s) % PRIME], 1)
        if self.kind == "packed":  # p * PRIME + q, which a float64 holds exactly
            a, b = left.long(), right.long()
            p, q, r, s = a // PRIME % PRIME, a % PRIME, b // PRIME % PRIME, b % PRIME
            return (p * r % PRIME * PRIME + (q * r + s) % PRIME).to(self.dtype)
        if self.kind == "sums":
            return left + right
        if self.kind == "tropical":  # matrices of path lengths: the longest, where -inf is no path
            return (left[:, :, :, None] + right[:, None, :, :]).amax(2)
        if self.kind == "alike":  # booleans: whether an even number of them is false
            return left == right
        # Labels commute, so that operands in whatever order are known by them: order is for the others to see.
        return (left + right) % PRIME


def scan(
    candidate: Candidate, xs: Tensor, combiner: Combiner, *, laid: Laid = "in order", may_raise: bool = False
) -> tuple[Tensor, bool]:
    """Give the scan of xs [n, ...], however it lies in memory, and whether xs was left as it was."""
    _, out = candidate.call("inclusive", {"laid": laid}, {"xs": xs}, combine=combiner, may_raise=may_raise)
    ys = tensor_of(out, "ys", f"the scan of {len(xs)} rows", tuple(xs.shape), xs.dtype)
    kept = out.get("xs")
    return ys, kept is not None and torch.equal(kept, xs)


@criterion("scan.values")
def check_scan_is_right_for_every_length(candidate: Candidate, draw: Draw) -> None:
    """The scan of 2x2 matrices and of affine maps, as pairs or packed into one number, is right for every n, though
    these do not commute, and so is that of tiny and infinite numbers and of booleans, in rows of any shape and dtype;
    xs is not modified, nor is an earlier answer."""
    every = (*LENGTHS, draw.integer(10, 60), draw.integer(66, 100), draw.integer(101, 120), 9)
    for kind, row, dtype, lengths in (
        ("matrices", (2, 2), torch.int64, every),
        ("packed", (), torch.int64, (0, 1, 6, 13)),
        ("packed", (), torch.float64, (1, 6, 13)),
        ("packed", (), torch.int32, (1, 6, 13)),
        ("sums", (2, 3, 2), torch.float64, (2, 5, 9)),
        ("sums", (2,), torch.float16, (2, 7, 13)),
        ("sums", (2,), torch.float64, (2, 7, 13)),
        ("sums", (2,), torch.float32, (2, 7, 13)),
        ("tropical", (2, 2), torch.float64, (2, 7, 13)),
        ("alike", (3,), torch.bool, (2, 7, 13)),
    ):
        for n in lengths:
            expect_values(candidate, draw, Combiner(kind, row, dtype), n)
    calls = {n: expect_values(candidate, draw, Combiner("affine", (2,)), n) for n in every}
    if calls[max(every)] < max(every):  # who reduces each prefix by itself is slow, and right
        expect_values(candidate, draw, Combiner("affine", (2,)), draw.integer(520, 1500))
    for kind, row in (("matrices", (2, 2)), ("packed", ())):
        first, _ = scan(candidate, draw.tokens(PRIME, 9, *row), Combiner(kind, row))
        scan(candidate, draw.tokens(PRIME, 9, *row), Combiner(kind, row))
        expect_before(candidate, first, "a scan changed the answer of the one before (n = 9)")
    for laid in OTHERWISE:
        with suppress(RaisedError):  # whoever refuses what lies in memory otherwise says nothing wrong
            expect_values(candidate, draw, Combiner("matrices", (2, 2)), 5, laid=laid)


def expect_values(candidate: Candidate, draw: Draw, combiner: Combiner, n: int, *, laid: Laid = "in order") -> int:
    """Demand the right scan of n rows, which are left as they were. Gives how often it called combine.

    Rows that lie otherwise in memory may be refused: that is raised, and the process goes on.
    """
    xs = rows_of(draw, combiner, n)
    got, unchanged = scan(candidate, xs, combiner, laid=laid, may_raise=laid != "in order")
    expect(unchanged, f"inclusive_scan changed xs (n = {n})")
    want = reference_module("scan").inclusive_scan(xs, combiner.combine)
    differ = (got != want).reshape(n, -1).any(1) if n else torch.zeros(0, dtype=torch.bool)
    if differ.any():
        at = int(differ.nonzero()[0])
        raise wrong(
            f"scan of {n} {combiner.kind}, laid {laid}: row {at} is wrong",
            expected=want[at],
            actual=got[at],
            first_divergence=f"n = {n}, row {at}",
        )
    return len(combiner.calls)


def rows_of(draw: Draw, combiner: Combiner, n: int) -> Tensor:
    """Draw n rows [n, ...] that a combiner is for."""
    xs = draw.tokens(PRIME**2 if combiner.kind == "packed" else PRIME, n, *combiner.row).to(combiner.dtype)
    if combiner.kind == "sums":
        return xs % 8 if combiner.dtype is torch.float16 else xs * TINY  # what its sums hold exactly
    if combiner.kind == "alike":
        return draw.tokens(2, *xs.shape).bool()
    if combiner.kind == "tropical":
        return torch.where(draw.tokens(4, *xs.shape) == 0, -torch.inf, xs)
    return xs


@criterion("scan.steps")
def check_scan_takes_logarithmic_steps(candidate: Candidate, draw: Draw, evidence: Evidence) -> None:
    """The scan takes ceil(log2 n) steps with offsets 1, 2, 4, ..., each on whole slices."""
    some = (1, 2, 5, 9, 32, draw.integer(10, 60), draw.integer(61, 600))
    few = (5, draw.integer(10, 200))
    for kind, row, dtype, lengths in (
        ("labels", (2,), torch.int64, (*LENGTHS, draw.integer(34, 60), 512, draw.integer(130, 1300), 2500)),
        ("affine", (2,), torch.int64, some),
        ("matrices", (2, 2), torch.int64, some),
        ("packed", (), torch.int64, some),
        ("packed", (), torch.float64, some),
        ("sums", (draw.integer(1, 4),), torch.float64, few),
        ("sums", (draw.integer(1, 4),), torch.float32, few),
        ("tropical", (2, 2), torch.float64, few),
        ("alike", (draw.integer(5, 7),), torch.bool, few),
    ):
        made = []
        for n in lengths:  # how many steps there are says at once which scan it is, of some lengths
            combiner = Combiner(kind, row, dtype)
            xs = rows_of(draw, combiner, n)
            answer = attempt(candidate, partial(scan, candidate, xs, combiner, may_raise=n < 2), "scan.values")
            expect_steps(n, combiner, evidence if kind == "labels" else {})
            made.append((n, xs, combiner, answer))
        for n, xs, combiner, answer in made:
            expect_offsets(n, xs, combiner)
            if kind == "labels" and answer is not None:
                want = xs.cumsum(0) % PRIME
                expect(torch.equal(answer[0], want), f"n = {n}: the scan's rows do not each cover 0 .. i")


def expect_offsets(n: int, xs: Tensor, combiner: Combiner) -> None:
    """Demand that each step combines every row with the one 1, 2, 4, ... to its left, in whatever order the operands
    come: order is for the values to show."""
    ordered, reverse = xs, xs
    for step, (left, right) in enumerate(combiner.calls):
        offset = 2**step
        made = set(pairs_of(left, right))
        wanted = zip(
            pairs_of(ordered[:-offset], ordered[offset:]), pairs_of(reverse[offset:], reverse[:-offset]), strict=True
        )
        for i, either in enumerate(wanted, offset):
            if not made & set(either):
                raise wrong(
                    f"n = {n}, step {step + 1}: row {i} is not combined with the one {offset} to its left",
                    first_divergence=f"n = {n}, step {step + 1}, row {i}",
                )
        ordered = torch.cat([ordered[:offset], combiner.combine(ordered[:-offset], ordered[offset:])])
        reverse = torch.cat([reverse[:offset], combiner.combine(reverse[offset:], reverse[:-offset])])


def pairs_of(left: Tensor, right: Tensor) -> list[tuple[Any, ...]]:
    """Give what stands side by side in two slices [j, ...]."""
    rows = torch.stack([left, right], 1).flatten(1)  # of no rows as well, which reshape cannot tell the width of
    return [tuple(row) for row in rows.tolist()]


def expect_steps(n: int, combiner: Combiner, evidence: Evidence) -> None:
    """Demand ceil(log2 n) calls of combine, on no more rows in all than padding takes."""
    steps = (n - 1).bit_length() if n > 1 else 0
    sizes, work = [len(left) for left, _ in combiner.calls], combiner.rows
    evidence["steps"] = jsonable(sizes)
    if len(sizes) != steps:
        raise wrong(
            f"n = {n}: combine was called {len(sizes)} times, on {work} rows in all; "
            f"Hillis-Steele takes {steps} steps{kind_of(n, sizes)}",
            expected=steps,
            actual=len(sizes),
        )
    padded = 1 << steps
    expect(work <= padded * steps, f"n = {n}: {work} rows were combined; padded to {padded} it takes {padded * steps}")


def kind_of(n: int, sizes: list[int]) -> str:
    """Say which other scan this looks like."""
    if len(sizes) == n - 1 and max(sizes, default=0) == 1:
        return "; one row a call is a sequential loop"
    if n > 2 and all(sizes) and sum(sizes) <= 2 * n and len(sizes) > (n - 1).bit_length():
        return "; about twice the steps with at most 2n work is Blelloch's work-efficient scan, which was not asked for"
    return ""


@criterion("scan.tiled")
def check_every_prefix_of_the_tiled_product(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence
) -> None:
    """tiled_prefix_matmul gives every prefix sum over k-tiles, a last short tile included, whatever comes after it."""
    reference = reference_module("scan")
    # Every way in which tiles fill a length or do not: where the last is short, and by how much, even pieces differ.
    lengths = [(k, tile) for k in range(1, 10) for tile in range(1, k + 2)]
    larger = [
        (33, 4, 40, torch.float64),
        (draw.integer(10, 70), draw.integer(2, 9), 40, torch.float32),
        (draw.integer(66, 127), draw.integer(11, 31), 20, torch.float64),
        (draw.integer(150, 200), draw.integer(33, 70), 20, torch.float64),
        (draw.integer(80, 130), 2, 5, torch.float64),
        (draw.integer(270, 400), draw.integer(130, 260), 5, torch.float64),
    ]
    for k, tile, most, dtype in (*((*both, 4, torch.float64) for both in lengths), *larger):
        m, n = draw.integer(1, most), draw.integer(1, most)
        A, B = draw.normal(m, k, dtype=dtype), draw.normal(k, n, dtype=dtype)
        out = tiled(candidate, A, B, tile)
        want = reference.tiled_prefix_matmul(A, B, tile)
        what = f"the prefixes of [{m}, {k}] @ [{k}, {n}] in tiles of {tile}"
        got = tensor_of(out, "out", what, tuple(want.shape), A.dtype)
        atol = rubric.tolerances.matmul_float64 if dtype == torch.float64 else rubric.tolerances.matmul_float32
        kept = evidence if dtype == torch.float64 else None  # one number is held against one tolerance
        expect_close(got, want, atol, what, "[tile, i, j]", kept)
        for name, operand in (("A", A), ("B", B)):
            after = out.get(name)
            expect(after is not None and torch.equal(after, operand), f"tiled_prefix_matmul changed {name}")
    first, _ = (tiled(candidate, draw.normal(3, 6), draw.normal(6, 2), 2) for _ in range(2))
    expect_before(
        candidate,
        tensor_of(first, "out", "the prefixes", (3, 3, 2)),
        "tiled_prefix_matmul changed the answer of the call before",
    )
    # Each tile a million times as large as the one before: a prefix is held to its own size.
    A, B = draw.normal(3, 6) * torch.tensor([1.0, 1e6, 1e12]).double().repeat_interleave(2), draw.normal(6, 2)
    out = tiled(candidate, A, B, 2)
    got, what = tensor_of(out, "out", "prefixes of growing tiles", (3, 3, 2), A.dtype), "a prefix before larger tiles"
    for one, want in zip(got, reference.tiled_prefix_matmul(A, B, 2), strict=True):
        size = float(want.abs().max())
        expect_close(one / size, want / size, rubric.tolerances.matmul_float64, what, "[i, j]")
    # Whoever refuses to tile nothing, or what lies in memory otherwise, says nothing wrong.
    for m, k, n in ((3, 0, 2), (0, 5, 3), (3, 5, 0)):
        with suppress(RaisedError):
            out = tiled(candidate, draw.normal(m, k), draw.normal(k, n), 2, may_raise=True)
            tensor_of(out, "out", f"the prefixes of [{m}, {k}] @ [{k}, {n}]", ((k + 1) // 2, m, n), torch.float64)
    A, B = draw.normal(5, 6), draw.normal(6, 4)
    for laid in OTHERWISE:
        with suppress(RaisedError):
            out, what = tiled(candidate, A, B, 3, laid=laid, may_raise=True), f"the prefixes of operands laid {laid}"
            got = tensor_of(out, "out", what, (2, 5, 4), A.dtype)
            expect_close(got, reference.tiled_prefix_matmul(A, B, 3), rubric.tolerances.matmul_float64, what)
    for dtype, relative in HALF.items():
        with suppress(RaisedError):
            C, D = A.to(dtype), B.to(dtype)
            out, what = tiled(candidate, C, D, 3, may_raise=True), f"the prefixes of operands in {dtype}"
            got = tensor_of(out, "out", what, (2, 5, 4))
            expect(got.dtype in (dtype, torch.float32, torch.float64), f"{what} are {got.dtype}")  # no less than theirs
            want = reference.tiled_prefix_matmul(C.double(), D.double(), 3)
            expect_close(got, want, relative * float((C.double().abs() @ D.double().abs()).max()), what)


def tiled(
    candidate: Candidate, A: Tensor, B: Tensor, tile: int, *, laid: Laid = "in order", may_raise: bool = False
) -> dict[str, Tensor]:
    """Give what tiled_prefix_matmul answers, for operands that lie in memory one way or another, and these."""
    return candidate.call("tiled", {"tile": tile, "laid": laid}, {"A": A, "B": B}, may_raise=may_raise)[1]
