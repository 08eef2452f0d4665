"""Claims about the scan. combine is a call back to the judge, who so sees every operand."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from grader.candidate import Candidate, CandidateFault, RaisedError, tensor_of
from grader.checks import criterion
from grader.checks.cases import Draw, reference_module
from grader.checks.expect import expect, expect_close, wrong
from grader.models import Evidence, Rubric, Verdict, jsonable

LENGTHS = (0, 1, 2, 3, 5, 7, 8, 9, 31, 33)
PRIME = 10007
CALLS, ROWS = 8192, 1024  # beyond every prefix reduced by itself, row by row


@dataclass
class Combiner:
    """An operator that the judge applies, and what it was asked to combine."""

    kind: str  # "matrices" mod a prime, "affine" maps mod a prime, the same "packed" into a number, or "intervals"
    row: tuple[int, ...]
    dtype: torch.dtype = torch.int64
    calls: list[tuple[Tensor, Tensor]] = field(default_factory=list)

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
        if len(self.calls) >= CALLS or len(left) > ROWS:
            raise CandidateFault(
                Verdict.wrong_answer,
                f"combine was called {len(self.calls) + 1} times, now for {len(left)} rows; no scan of these lengths "
                f"takes more than {CALLS} calls of {ROWS} rows",
            )
        if len(left):
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
        # Of intervals all that both cover, in whatever order they come: that is for the others to see.
        return torch.stack([torch.minimum(left[:, 0], right[:, 0]), torch.maximum(left[:, 1], right[:, 1])], 1)


def scan(candidate: Candidate, xs: Tensor, combiner: Combiner) -> tuple[Tensor, bool]:
    """Give the scan of xs [n, ...], and whether xs was left as it was."""
    _, out = candidate.call("inclusive", {}, {"xs": xs}, combine=combiner)
    ys = tensor_of(out, "ys", f"the scan of {len(xs)} rows", tuple(xs.shape), xs.dtype)
    kept = out.get("xs")
    return ys, kept is not None and torch.equal(kept, xs)


@criterion("scan.values")
def check_scan_is_right_for_every_length(candidate: Candidate, draw: Draw) -> None:
    """The scan of 2x2 matrices and of affine maps, as pairs or packed into one number, is right for every n, though
    these do not commute; xs is not modified."""
    reference = reference_module("scan")
    every = (*LENGTHS, draw.integer(10, 60), draw.integer(66, 100), 9)
    for kind, row, dtype, lengths in (
        ("matrices", (2, 2), torch.int64, every),
        ("affine", (2,), torch.int64, every),
        ("packed", (), torch.int64, (1, 6, 13)),
        ("packed", (), torch.float64, (1, 6, 13)),
    ):
        for n in lengths:
            xs = draw.tokens(PRIME**2 if kind == "packed" else PRIME, n, *row).to(dtype)
            got, unchanged = scan(candidate, xs, Combiner(kind, row, dtype))
            expect(unchanged, f"inclusive_scan changed xs (n = {n})")
            want = reference.inclusive_scan(xs, Combiner(kind, row, dtype).combine)
            differ = (got != want).reshape(n, -1).any(1) if n else torch.zeros(0, dtype=torch.bool)
            if differ.any():
                at = int(differ.nonzero()[0])
                raise wrong(
                    f"scan of {n} {kind}: row {at} is wrong",
                    expected=want[at],
                    actual=got[at],
                    first_divergence=f"n = {n}, row {at}",
                )


@criterion("scan.steps")
def check_scan_takes_logarithmic_steps(candidate: Candidate, draw: Draw, evidence: Evidence) -> None:
    """The scan takes ceil(log2 n) steps with offsets 1, 2, 4, ..., each on whole slices."""
    for n in (*LENGTHS, draw.integer(34, 60), draw.integer(130, 600)):
        combiner = Combiner("intervals", (2,))
        here = torch.arange(n)
        ys, _ = scan(candidate, torch.stack([here, here], 1), combiner)  # row i stands for the interval i .. i
        steps = (n - 1).bit_length() if n > 1 else 0
        sizes = [len(left) for left, _ in combiner.calls]
        work = sum(sizes)
        evidence["steps"] = jsonable(sizes)
        if len(sizes) != steps:
            raise wrong(
                f"n = {n}: combine was called {len(sizes)} times, on {work} rows in all; "
                f"Hillis-Steele takes {steps} steps{kind_of(n, sizes)}",
                expected=steps,
                actual=len(sizes),
            )
        for step, (left, right) in enumerate(combiner.calls):
            offset = 2**step
            made = {(*a, *b) for a, b in zip(left.tolist(), right.tolist(), strict=True)}
            for i in range(offset, n):
                first, second = (max(0, i - 2 * offset + 1), i - offset), (i - offset + 1, i)
                if not made & {first + second, second + first}:
                    raise wrong(
                        f"n = {n}, step {step + 1}: row {i} is not combined with the one {offset} to its left",
                        first_divergence=f"n = {n}, step {step + 1}, row {i}",
                    )
        padded = 1 << steps
        expect(
            work <= padded * steps, f"n = {n}: {work} rows were combined; padded to {padded} it takes {padded * steps}"
        )
        want = torch.stack([torch.zeros(n, dtype=torch.int64), here], 1)
        expect(torch.equal(ys, want), f"n = {n}: the scan's rows do not each cover 0 .. i")


def kind_of(n: int, sizes: list[int]) -> str:
    """Say which other scan this looks like."""
    if len(sizes) == n - 1 and max(sizes, default=0) == 1:
        return "; one row a call is a sequential loop"
    if sum(sizes) <= 2 * n and len(sizes) > (n - 1).bit_length():
        return "; about twice the steps with at most 2n work is Blelloch's work-efficient scan, which was not asked for"
    return ""


@criterion("scan.tiled")
def check_every_prefix_of_the_tiled_product(
    candidate: Candidate, draw: Draw, rubric: Rubric, evidence: Evidence
) -> None:
    """tiled_prefix_matmul gives every prefix sum over k-tiles, a last short tile included."""
    reference = reference_module("scan")
    # Every way in which tiles fill a length or do not: where the last is short, and by how much, even pieces differ.
    lengths = [(k, tile) for k in range(1, 10) for tile in range(1, k + 2)]
    for k, tile in (*lengths, (33, 4)):
        m, n = draw.integer(1, 4), draw.integer(1, 4)
        A, B = draw.normal(m, k), draw.normal(k, n)
        _, out = candidate.call("tiled", {"tile": tile}, {"A": A, "B": B})
        want = reference.tiled_prefix_matmul(A, B, tile)
        what = f"the prefixes of [{m}, {k}] @ [{k}, {n}] in tiles of {tile}"
        got = tensor_of(out, "out", what, tuple(want.shape), A.dtype)
        expect_close(got, want, rubric.tolerances.matmul_float64, what, "[tile, i, j]", evidence)
    A, B = draw.normal(3, 0), draw.normal(0, 2)
    try:
        _, out = candidate.call("tiled", {"tile": 2}, {"A": A, "B": B}, may_raise=True)
    except RaisedError:
        return  # whoever refuses to tile nothing says nothing wrong
    tensor_of(out, "out", "the prefixes of [3, 0] @ [0, 2]", (0, 3, 2), A.dtype)
