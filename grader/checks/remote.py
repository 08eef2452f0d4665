"""The submission's model and functions as the checks call them, shapes checked before anything is compared."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

import torch
from torch import Tensor

from grader.candidate import Candidate, tensor_of
from grader.checks.cases import GPTCase
from grader.checks.expect import expect, wrong

Targets = Literal["alike", "itself"]  # another tensor of the same tokens, or idx itself
_names = count()


@dataclass(frozen=True)
class Generated:
    """What generate gave, and what it left behind."""

    tokens: Tensor  # [B, T + new]
    dtype: torch.dtype  # that the tokens came in
    modes_changed: int
    grad_mode_changed: bool


class RemoteGPT:
    """MiniGPT of the submission, built from a case and loaded strictly."""

    def __init__(self, candidate: Candidate, case: GPTCase, dtype: torch.dtype = torch.float32, **changes: Any) -> None:
        self.candidate = candidate
        self.case = case
        self.dtype = dtype
        self.name = f"m{next(_names)}"
        config = case.config | changes
        args = {"model": self.name, "config": config, "dtype": str(dtype).removeprefix("torch.")}
        candidate.call("build", args, {n: w.to(dtype) for n, w in case.weights.items()})

    def load(self, weights: dict[str, Tensor]) -> None:
        self.candidate.call("load", {"model": self.name}, {n: w.to(self.dtype) for n, w in weights.items()})

    def cast(self, dtype: torch.dtype) -> None:
        """Give the model that is there another dtype."""
        self.dtype = dtype
        self.candidate.call("cast", {"model": self.name, "dtype": str(dtype).removeprefix("torch.")})

    def decay(self, factor: float) -> None:
        """Multiply every parameter where it lies, as an optimizer with weight decay does, whatever their names."""
        self.candidate.call("decay", {"model": self.name, "factor": factor})

    def kept_for_backward(self, idx: Tensor, use_cache: bool) -> Any:
        """Give how many tensors generate keeps for a backward pass, in grad mode."""
        args = {"model": self.name, "use_cache": use_cache}
        return self.candidate.call("graph", args, {"idx": idx}, may_raise=True)[0].get("saved")

    def forward(
        self, idx: Tensor, *, train: bool | None = False, strict_dtype: bool = False, may_raise: bool = False
    ) -> Tensor:
        """idx [B, T] -> logits [B, T, V]; train None leaves the model in the mode that it is in."""
        out = self.run(idx, train=train, may_raise=may_raise)
        shape = (*idx.shape, self.case.vocab)
        return tensor_of(out, "logits", "forward's logits", shape, self.dtype if strict_dtype else None)

    def run(
        self,
        idx: Tensor,
        *,
        train: bool | None = False,
        targets: Targets | None = None,
        gradients: bool = False,
        between: bool = False,
        may_raise: bool = False,
    ) -> dict[str, Tensor]:
        """Run forward on idx [B, T], without targets, with another tensor of its tokens, or with itself; what comes out
        is not looked at yet."""
        args = {"model": self.name, "train": train, "gradients": gradients, "targets": targets, "between": between}
        tensors = {"idx": idx} | ({"targets": idx.clone()} if targets == "alike" else {})
        return self.candidate.call("forward", args, tensors, may_raise=may_raise)[1]

    def loss(self, idx: Tensor) -> Tensor:
        """idx [B, T] -> loss []"""
        return tensor_of(self.run(idx, targets="alike"), "loss", "the loss", ())

    def gradients(
        self, idx: Tensor, *, train: bool = True, targets: Targets = "alike", between: bool = False
    ) -> dict[str, Tensor] | None:
        """idx [B, T] -> gradients of the loss by parameter (zeros where backward left none), or None where the loss has
        none; with another pass between forward and backward."""
        return self.gradients_of(self.run(idx, train=train, targets=targets, gradients=True, between=between))

    def gradients_of(self, out: dict[str, Tensor]) -> dict[str, Tensor] | None:
        """Take the gradients out of what run gave."""
        if not any(name.startswith("grad.") for name in out):
            return None
        return {
            name: tensor_of(out, "grad." + name, f"gradient of {name}", tuple(w.shape))
            if "grad." + name in out
            else torch.zeros_like(w)
            for name, w in self.case.weights.items()
        }

    def trace(self, idx: Tensor) -> dict[str, Tensor]:
        """Give what each module of the contract put out, where it can be seen."""
        _, out = self.candidate.call("trace", {"model": self.name}, {"idx": idx}, may_raise=True)
        return {name.removeprefix("trace."): t for name, t in out.items() if name.startswith("trace.")}

    def prefill(self, idx: Tensor, *, strict_dtype: bool = False) -> Tensor:
        """idx [B, T] -> logits [B, T, V]"""
        out, shape = self.fill(idx), (*idx.shape, self.case.vocab)
        return tensor_of(out, "logits", "prefill's logits", shape, self.dtype if strict_dtype else None)

    def fill(self, idx: Tensor, cache: str = "c", *, may_raise: bool = False) -> dict[str, Tensor]:
        """Prefill idx [B, T] for its cache, kept there under a name; its logits are one claim's alone."""
        args = {"model": self.name, "cache": cache}
        return self.candidate.call("prefill", args, {"idx": idx}, may_raise=may_raise)[1]

    def decode(
        self, tokens: Tensor, cache: str = "c", *, strict_dtype: bool = False, may_raise: bool = False
    ) -> Tensor:
        """tokens [B, t] -> logits [B, t, V]"""
        out, shape = self.extend(tokens, cache, may_raise=may_raise), (*tokens.shape, self.case.vocab)
        return tensor_of(out, "logits", "decode's logits", shape, self.dtype if strict_dtype else None)

    def extend(self, tokens: Tensor, cache: str = "c", *, may_raise: bool = False) -> dict[str, Tensor]:
        """Decode tokens [B, t] for the cache."""
        args = {"model": self.name, "cache": cache}
        return self.candidate.call("decode", args, {"tokens": tokens}, may_raise=may_raise)[1]

    def decode_in_chunks(
        self,
        idx: Tensor,
        chunks: list[int],
        cache: str = "c",
        *,
        strict_dtype: bool = False,
        may_raise: bool = False,
    ) -> Tensor:
        """Prefill the first chunk of idx [B, T] and decode the others: their logits [B, T - chunks[0], V]"""
        first, *others = torch.split(idx, chunks, dim=1)
        self.fill(first, cache, may_raise=may_raise)
        logits = [self.decode(chunk, cache, strict_dtype=strict_dtype, may_raise=may_raise) for chunk in others]
        self.candidate.call("drop", {"cache": cache})
        return torch.cat([x.to(self.dtype) for x in logits], dim=1)

    def cache_pairs(self, cache: str = "c") -> tuple[list[tuple[Tensor, Tensor]], Any]:
        """Iterate over the cache (there, twice); give its (K, V) pairs, and how many bytes it says are behind them."""
        answer, out = self.candidate.call("cache", {"cache": cache})
        lengths = answer.get("lengths")
        expect(
            isinstance(lengths, list) and lengths[1:] == lengths[:1],
            f"iterating twice gives {lengths} pairs",
            actual=lengths,
        )
        pairs = [(out[f"k{i}"], out[f"v{i}"]) for i in range(len(out) // 2) if f"k{i}" in out and f"v{i}" in out]
        if 2 * len(pairs) != len(out):
            raise wrong("the cache did not come as pairs")
        return pairs, answer.get("held_bytes")

    def generate(
        self,
        idx: Tensor,
        new: int,
        *,
        use_cache: bool | None,
        mode: str = "eval",
        grad_mode: bool = True,
        strict_dtype: bool = False,
        may_raise: bool = False,
    ) -> Generated:
        """idx [B, T] -> tokens [B, T + new]; use_cache None leaves it to the submission's default."""
        args = {"model": self.name, "max_new_tokens": new, "use_cache": use_cache, "mode": mode, "grad_mode": grad_mode}
        answer, out = self.candidate.call("generate", args, {"idx": idx}, may_raise=may_raise)
        tokens = out.get("tokens")
        if tokens is None or tokens.dtype.is_floating_point or tokens.dtype == torch.bool:
            raise wrong(f"generate gives {'nothing' if tokens is None else tokens.dtype}, not integer tokens")
        if strict_dtype and tokens.dtype != torch.int64:
            raise wrong(f"generate gives {tokens.dtype}, not torch.int64")
        shape = [idx.size(0), idx.size(1) + new]
        expect(list(tokens.shape) == shape, f"generate gives shape {list(tokens.shape)}, not {shape}")
        expect(bool((tokens[:, : idx.size(1)] == idx).all()), "generate changed the prompt")
        expect(answer.get("prompt_changed") is False, "generate changes the caller's prompt")
        modes, grad = answer.get("modes_changed"), answer.get("grad_mode_changed")
        if not isinstance(modes, int) or not isinstance(grad, bool):
            raise wrong("generate's report of modes is not one")
        vocab = self.case.vocab
        expect(bool(((tokens >= 0) & (tokens < vocab)).all()), f"generate gives tokens outside 0 .. {vocab - 1}")
        return Generated(tokens.long(), tokens.dtype, modes, grad)
