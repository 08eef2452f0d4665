"""Fresh inputs: sizes, weights and tokens, drawn from the run's seed and the check's name.

Weights spread widely enough that attention matters: at the usual 0.02 it is near uniform, and bugs hide.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from grader.project import REFERENCE

LONGEST = 1024  # tokens, that the contract allows
# (layers, heads, head size, vocabulary, block size, batch): pairwise different in each row, heads > 1.
SHAPES = ((2, 3, 8, 29, 41, 5), (3, 2, 10, 31, 37, 4), (2, 5, 6, 27, 43, 3))


@cache
def reference_module(part: str) -> ModuleType:
    """Load a file of reference/ under a name that nothing else has."""
    name = f"grader_reference_{part}"
    spec = importlib.util.spec_from_file_location(name, REFERENCE / f"{part}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def parameter_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Give the contract's parameters, name to shape, of a model with this configuration."""
    V, C = config["vocab_size"], config["n_embd"]
    shapes: dict[str, tuple[int, ...]] = {"tok_emb.weight": (V, C)}
    if config["positions"] == "learned":
        shapes["pos_emb.weight"] = (config["block_size"], C)
    linear = {"attn.qkv": (3 * C, C), "attn.proj": (C, C), "mlp.fc": (4 * C, C), "mlp.proj": (C, 4 * C)}
    for i in range(config["n_layer"]):
        for norm in ("ln_1", "ln_2"):
            shapes |= {f"blocks.{i}.{norm}.weight": (C,), f"blocks.{i}.{norm}.bias": (C,)}
        for name, shape in linear.items():
            shapes |= {f"blocks.{i}.{name}.weight": shape, f"blocks.{i}.{name}.bias": shape[:1]}
    return shapes | {"ln_f.weight": (C,), "ln_f.bias": (C,), "head.weight": (V, C)}


@dataclass(frozen=True)
class GPTCase:
    """A model and its weights, before anybody runs it."""

    config: dict[str, Any]
    weights: dict[str, Tensor]
    batch: int

    @property
    def block(self) -> int:
        return int(self.config["block_size"])

    @property
    def vocab(self) -> int:
        return int(self.config["vocab_size"])

    def reference(self, dtype: torch.dtype = torch.float32) -> Any:
        """Build the reference with these weights, in eval mode."""
        module = reference_module("minigpt")
        model = module.MiniGPT(module.GPTConfig(**self.config))
        model.load_state_dict(self.weights, strict=True)
        return model.to(dtype).eval()


class Draw:
    """A stream of random inputs that depends on nothing but its seed and name."""

    def __init__(self, seed: int, name: str) -> None:
        self._key = f"{seed}:{name}"
        self._untold = 0
        digest = hashlib.sha256(self._key.encode()).digest()
        self.generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))

    def untold(self, low: int, high: int) -> int:
        """Give an integer in low .. high that nothing drawn before it gives away, as a generator's stream does."""
        self._untold += 1
        digest = hashlib.sha256(f"{self._key}:untold:{self._untold}".encode()).digest()
        return low + int.from_bytes(digest[:8], "big") % (high - low + 1)

    def apart(self) -> Draw:
        """Give another stream, which nothing drawn from this one gives away: a generator's seed can be found in seconds
        from what it gave."""
        return Draw(self.untold(0, 2**62), self._key)

    def integer(self, low: int, high: int) -> int:
        """Give an integer in low .. high, both included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def tokens(self, vocab: int, *shape: int) -> Tensor:
        return torch.randint(vocab, shape, generator=self.generator)

    def alike(self, vocab: int, batch: int, length: int) -> tuple[Tensor, int]:
        """Draw tokens [batch, length], two rows or more, of which the first two differ in one token, in the first half,
        and say where."""
        idx, at = self.tokens(vocab, batch, length), self.integer(0, max(0, length // 2 - 1))
        idx[1] = idx[0]
        idx[1, at] = (idx[0, at] + self.integer(1, vocab - 1)) % vocab
        return idx, at

    def normal(self, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=dtype)

    def chunks(self, total: int) -> list[int]:
        """Cut total into several uneven lengths, some of them 1."""
        sizes: list[int] = []
        while (left := total - sum(sizes)) > 0:
            sizes.append(min(left, self.integer(1, 7) if len(sizes) % 3 else self.integer(2, 5)))
        return sizes

    def gpt(self, positions: str, kind: str = "ordinary", **changes: Any) -> GPTCase:
        """Draw a model.

        kind: "ordinary" attends sharply; "mild" gives every earlier token some weight; "sharp" has scores so large that
        a mask filled with a modest number leaks; "faint" keeps the residual stream near 0.01, where epsilon shows.
        """
        config: dict[str, Any]
        layers, heads, size, vocab, block, batch = SHAPES[self.integer(0, len(SHAPES) - 1)]
        config = {"vocab_size": vocab, "block_size": block, "n_layer": layers, "n_head": heads, "n_embd": heads * size}
        config |= {"positions": positions} | changes
        return GPTCase(config, self.weights(config, kind), batch)

    def longest(self, positions: str) -> GPTCase:
        """Draw a model for LONGEST tokens, small otherwise: they cost their square for each layer and head."""
        return self.gpt(positions, block_size=LONGEST, n_layer=2, n_head=2, n_embd=20)

    def weights(self, config: dict[str, Any], kind: str = "ordinary") -> dict[str, Tensor]:
        """Draw weights under the contract's names, float32."""
        attention = {"ordinary": 1.6, "mild": 0.8, "sharp": 4.0, "faint": 1.2}[kind]
        stream = 0.01 if kind == "faint" else 1.0
        drawn: dict[str, Tensor] = {}
        for name, shape in parameter_shapes(config).items():
            noise = torch.randn(shape, generator=self.generator)
            if ".ln_" in name or name.startswith("ln_"):
                value = 1 + 0.3 * noise if name.endswith("weight") else 0.2 * noise
            elif name.endswith("emb.weight"):
                value = noise * stream
            elif name.endswith("bias"):
                value = 0.2 * noise * (stream if "proj" in name else 1)
            else:
                value = noise / shape[1] ** 0.5
                if "qkv" in name:
                    value[: 2 * shape[1]] *= attention
                elif "proj" in name:
                    value *= stream
                elif "fc" in name:
                    value *= 1.5
                elif name == "head.weight":
                    value *= 3  # logits of a trained model's size, where the mildest bugs stand out of the tolerance
            drawn[name] = value
        return drawn
