"""Every planted bug runs and is wrong where it says: each criterion that it names has a small proof here.

A proof is the shortest form of the criterion's claim; what the real checks make of it, `grader validity` shows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from grader.checks.cases import Draw, GPTCase
from grader.kit import probe
from grader.kit.bugs import Bug, apply, load_bugs
from grader.project import REFERENCE

FILES = {name: (REFERENCE / name).read_text() for name in ("minigpt.py", "matmul.py", "scan.py")}
BUGS = load_bugs()
CLEAR = 3e-3  # the mildest wrong solutions move logits by this; right ones stay within 5e-5
Proof = Callable[[str, str], bool]  # a mutant's source and its position scheme -> whether it is wrong there


@cache
def case(positions: str) -> GPTCase:
    return Draw(3, positions).gpt(positions)


def tokens(positions: str, *shape: int) -> Tensor:
    return Draw(4, f"{positions} {shape}").tokens(case(positions).vocab, *shape)


def model(source: str, positions: str) -> Any:
    module = probe.load(source)
    built = module.MiniGPT(module.GPTConfig(**case(positions).config))
    built.load_state_dict(case(positions).weights, strict=True)
    return built.eval()


def reference(positions: str) -> Any:
    return model(FILES["minigpt.py"], positions)


@cache
def trial(positions: str) -> probe.Trial:
    drawn = case(positions)
    prompts, long = tokens(positions, 3, 9), tokens(positions, 16, drawn.block - 6)
    return probe.Trial(drawn.config | {"dropout": 0.1}, drawn.weights, prompts, long, new=12)


@cache
def observed(source: str, positions: str) -> probe.Observation:
    return probe.observe(source, trial(positions))


def differs(source: str, positions: str, *names: str) -> bool:
    seen = observed(source, positions).differs(observed(FILES["minigpt.py"], positions))
    return bool(set(names) & set(seen))


# --- the model --------------------------------------------------------------------------------------------------------


def logits_differ(source: str, positions: str) -> bool:
    idx = tokens(positions, 3, 17)
    with torch.no_grad():
        return bool((model(source, positions)(idx)[0] - reference(positions)(idx)[0]).abs().max() > CLEAR)


def sees_the_future_or_misses_the_past(source: str, positions: str) -> bool:
    mutant = model(source, positions)
    idx = tokens(positions, 1, 12)
    with torch.no_grad():
        base = mutant(idx)[0]
        for t in range(12):
            other = idx.clone()
            other[0, t] = (other[0, t] + 1) % case(positions).vocab
            moved = (mutant(other)[0] - base).abs().amax(-1)[0]  # [T]
            if (moved[:t] > 1e-5).any() or (moved[t:] == 0).any():
                return True
    return False


def loss_or_gradient_differs(source: str, positions: str) -> bool:
    idx = tokens(positions, 3, 17)
    found = []
    for one in (model(source, positions), reference(positions)):
        loss = one(idx, idx)[1]
        grads = torch.autograd.grad(loss, list(one.parameters()), allow_unused=True, materialize_grads=True)
        found.append((loss.detach(), *grads))
    return any((a - b).abs().max() > CLEAR for a, b in zip(*found, strict=True))


# --- the cache --------------------------------------------------------------------------------------------------------


def decoding_differs(source: str, positions: str, chunks: list[int]) -> bool:
    """Compare with the mutant's own forward, as the criteria do; the first chunk is the prompt."""
    mutant = model(source, positions)
    idx = tokens(positions, 3, sum(chunks))
    with torch.no_grad():
        want = mutant(idx)[0]
        first, *rest = idx.split(chunks, dim=1)
        logits, past = mutant.prefill(first)
        parts = [logits]
        for chunk in rest:
            logits, past = mutant.decode(chunk, past)
            parts.append(logits)
    return bool((torch.cat(parts, dim=1) - want).abs().max() > CLEAR)


def rows_mix(source: str, positions: str) -> bool:
    mutant = model(source, positions)
    idx = tokens(positions, 3, 12)
    with torch.no_grad():
        together = mutant.decode(idx[:, 8:], mutant.prefill(idx[:, :8])[1])[0]
        apart = [mutant.decode(row[None, 8:], mutant.prefill(row[None, :8])[1])[0] for row in idx]
    return bool((together - torch.cat(apart)).abs().max() > CLEAR)


def does_not_grow(source: str, positions: str) -> bool:
    mutant = model(source, positions)
    idx = tokens(positions, 2, 9)
    with torch.no_grad():
        _, past = mutant.prefill(idx[:, :5])
        _, past = mutant.decode(idx[:, 5:], past)
    return any(K.size(2) != 9 or V.size(2) != 9 for K, V in past)


def goes_past_the_end(source: str, positions: str) -> bool:
    mutant = model(source, positions)
    block = case(positions).block
    idx = tokens(positions, 1, block + 1)
    with torch.no_grad():
        _, past = mutant.prefill(idx[:, :block])
        try:
            mutant.decode(idx[:, block:], past)
        except ValueError:
            return False
        except RuntimeError:
            pass
    return True


def cached_text_differs(source: str, positions: str) -> bool:
    mutant = model(source, positions)
    idx = tokens(positions, 2, case(positions).block - 4)
    return not torch.equal(mutant.generate(idx, 12), mutant.generate(idx, 12, use_cache=False))


# --- matmul and scan --------------------------------------------------------------------------------------------------


class Node:
    """What backward gets to see when it is called directly."""

    def __init__(self, *saved: Tensor, needs: tuple[bool, bool] = (True, True)) -> None:
        self.saved_tensors = self.operands = saved
        self.needs_input_grad = needs


def gradients_differ(source: str, *shapes: tuple[int, ...], needs: tuple[bool, bool] = (True, True)) -> bool:
    """Call backward directly; a raised error is as wrong as a wrong value."""
    draw = Draw(5, str(shapes))
    A, B = (draw.normal(*shape).requires_grad_() for shape in shapes)
    C = A @ B
    dC = draw.normal(*C.shape)
    want = torch.autograd.grad(C, (A, B), dC)
    node = Node(A.detach(), B.detach(), needs=needs)
    try:
        got = probe.load(source).MatMul.backward(node, dC)
    except RuntimeError:
        return True
    for one, two, need in zip(got, want, needs, strict=True):
        if not need:
            continue
        if one is None or one.shape != two.shape or not torch.allclose(one, two, atol=1e-10, rtol=0):
            return True
    return False


def plain_gradients_differ(source: str, _: str) -> bool:
    return gradients_differ(source, (3, 4), (4, 5)) or gradients_differ(source, (3, 4), (4, 5), needs=(False, True))


def gradcheck_fails(source: str, _: str) -> bool:
    draw = Draw(6, "gradcheck")
    inputs = [draw.normal(*shape).requires_grad_() for shape in ((3, 4), (4, 5))]
    try:
        return not torch.autograd.gradcheck(probe.load(source).MatMul.apply, inputs, raise_exception=False)
    except RuntimeError:  # shapes that do not fit
        return True


def batched_gradients_differ(source: str, _: str) -> bool:
    return gradients_differ(source, (2, 3, 4), (2, 4, 5))


def broadcast_gradients_differ(source: str, _: str) -> bool:
    pairs = [((2, 3, 4), (4, 5)), ((1, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (1, 6, 4, 5))]
    return any(gradients_differ(source, *pair) for pair in pairs)


def change_in_place_goes_unnoticed(source: str, _: str) -> bool:
    draw = Draw(7, "contract")
    A, B = draw.normal(3, 4).requires_grad_(), draw.normal(4, 5).requires_grad_()
    C = probe.load(source).MatMul.apply(A, B)
    with torch.no_grad():
        A.add_(1)
    try:
        C.sum().backward()
    except RuntimeError:
        return False
    return True


def scan_of(source: str, n: int) -> tuple[list[int], Tensor, bool]:
    """Scan affine maps: sizes of the calls, result, and whether the input was left alone."""
    xs = Draw(8, str(n)).tokens(97, n, 2)
    kept = xs.clone()
    sizes: list[int] = []

    def combine(left: Tensor, right: Tensor) -> Tensor:
        sizes.append(len(left))
        return composed(left, right)

    ys = probe.load(source).inclusive_scan(xs, combine)
    return sizes, ys, torch.equal(xs, kept)


def composed(left: Tensor, right: Tensor) -> Tensor:
    """Give x -> r (p x + q) + s, the left map first."""
    return torch.stack([left[:, 0] * right[:, 0] % 97, (left[:, 1] * right[:, 0] + right[:, 1]) % 97], dim=1)


def scan_is_wrong(source: str, _: str) -> bool:
    return any(
        not torch.equal(scan_of(source, n)[1], scan_of(FILES["scan.py"], n)[1]) or not scan_of(source, n)[2]
        for n in (1, 2, 3, 5, 8, 9)
    )


def steps_are_wrong(source: str, _: str) -> bool:
    pairs: list[tuple[Tensor, Tensor]] = []

    def combine(left: Tensor, right: Tensor) -> Tensor:
        pairs.append((left, right))
        return torch.stack([left[:, 0], right[:, 1]], dim=1)

    for n in (5, 8, 9):
        pairs.clear()
        here = torch.arange(n)
        probe.load(source).inclusive_scan(torch.stack([here, here], dim=1), combine)
        good = len(pairs) == (n - 1).bit_length()
        for left, right in pairs:
            good = good and bool((left[:, 1] + 1 == right[:, 0]).all())  # neighbours, the left one first
        if not good:
            return True
    return False


def prefixes_are_wrong(source: str, _: str) -> bool:
    draw = Draw(9, "tiled")
    A, B = draw.normal(3, 7), draw.normal(7, 2)
    want = torch.stack([A[:, :stop] @ B[:stop] for stop in (3, 6, 7)])
    got = probe.load(source).tiled_prefix_matmul(A, B, 3)
    return got.shape != want.shape or not torch.allclose(got, want)


PROOFS: dict[str, Proof] = {
    "gpt.causality": sees_the_future_or_misses_the_past,
    "gpt.logits": logits_differ,
    "gpt.loss": loss_or_gradient_differs,
    "gpt.mode": lambda source, positions: differs(source, positions, "mode"),
    "gpt.greedy": lambda source, positions: differs(source, positions, "text", "long text"),
    "gpt.window": lambda source, positions: differs(source, positions, "long text"),
    "cache.decode": lambda source, positions: decoding_differs(source, positions, [4, *[1] * 12]),
    "cache.chunks": lambda source, positions: decoding_differs(source, positions, [7, 3, 1, 5]),
    "cache.layout": does_not_grow,
    "cache.batch": rows_mix,
    "cache.bounds": goes_past_the_end,
    "cache.generate": cached_text_differs,
    "matmul.backward": plain_gradients_differ,
    "matmul.gradcheck": gradcheck_fails,
    "matmul.batched": batched_gradients_differ,
    "matmul.broadcast": broadcast_gradients_differ,
    "matmul.contract": change_in_place_goes_unnoticed,
    "scan.values": scan_is_wrong,
    "scan.steps": steps_are_wrong,
    "scan.tiled": prefixes_are_wrong,
}


def part_of(criterion: str) -> str:
    section = criterion.split(".")[0]
    return "minigpt.py" if section in ("gpt", "cache") else f"{section}.py"


@pytest.mark.parametrize("criterion", PROOFS)
@pytest.mark.parametrize("positions", ["learned", "rope"])
def test_the_reference_passes_every_proof(criterion: str, positions: str) -> None:
    """A proof that the reference fails would say nothing about a bug."""
    assert not PROOFS[criterion](FILES[part_of(criterion)], positions)


@pytest.mark.parametrize("bug", BUGS.values(), ids=lambda bug: bug.id)
def test_bug_breaks_each_of_its_criteria(bug: Bug) -> None:
    """A planted bug counts only with a proof, for each criterion that it claims and each scheme that it shows with."""
    source = apply(FILES, [bug])[bug.file]
    schemes = ["learned", "rope"] if bug.part == "minigpt" else ["either"]
    for positions in schemes:
        if bug.part == "minigpt" and not bug.shows_with(positions):
            continue
        unbroken = [criterion for criterion in bug.breaks if not PROOFS[criterion](source, positions)]
        assert not unbroken, f"{bug.id} with {positions} positions leaves {unbroken} unharmed"


@pytest.mark.parametrize("bug", [bug for bug in BUGS.values() if bug.part == "minigpt"], ids=lambda bug: bug.id)
def test_bug_runs_and_trains(bug: Bug) -> None:
    """A bug is logical: generation, loss and some steps of training go through without an error or a NaN."""
    source = apply(FILES, [bug])["minigpt.py"]
    for positions in ("learned", "rope"):
        if not bug.shows_with(positions):
            continue
        mutant = model(source, positions).train()
        optimizer = torch.optim.SGD(mutant.parameters(), lr=1e-3)
        idx = tokens(positions, 3, 17)
        for _ in range(3):
            optimizer.zero_grad()
            loss = mutant(idx, idx)[1]
            loss.backward()
            optimizer.step()
        assert torch.isfinite(mutant(idx)[0]).all()
        assert mutant.generate(idx[:, :4], 3).shape == (3, 7)
