"""Turn what a submission returns into plain tensors, or say why it cannot be."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import torch

Answer = tuple[dict[str, Any], dict[str, torch.Tensor]]  # what a request is answered with: plain data, and tensors


class Unfit(Exception):
    """The submission's answer has the wrong form; the text says what was expected."""


def fit(text: str, most: int) -> str:
    """Give at most so many characters of text, all of which can be written."""
    return text[:most].encode("utf-8", "replace").decode()


def plain(value: Any, what: str) -> torch.Tensor:
    """Give value as a dense plain tensor of its own memory. Raises Unfit."""
    return copied(bare(value, what))


def copied(tensor: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return tensor.cpu().clone(memory_format=torch.contiguous_format)


def bare(value: Any, what: str) -> torch.Tensor:
    """Give value as a dense plain tensor, on the memory that it has. Raises Unfit."""
    if not isinstance(value, torch.Tensor):
        raise Unfit(f"{what} is a {type(value).__name__}, not a tensor")
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        tensor = torch.Tensor.detach(value)  # a subclass may have one that copies
        if type(tensor) is not torch.Tensor:
            tensor = torch.Tensor.as_subclass(tensor, torch.Tensor)
        if tensor.layout != torch.strided:
            raise Unfit(f"{what} has layout {tensor.layout}, not torch.strided")
        return tensor


class Answers:
    """Gives answers as plain tensors, and remembers where the last two lie: whether they stay as they were can be
    asked."""

    def __init__(self) -> None:
        self.last: list[torch.Tensor] = []

    def plain(self, value: Any, what: str) -> torch.Tensor:
        """Give an answer as a dense plain tensor of its own memory. Raises Unfit."""
        self.last = [*self.last[-1:], bare(value, what)]
        return copied(self.last[-1])

    def before(self) -> Answer:
        """Give the answer before the last once more."""
        return {}, {"before": copied(self.last[0])}


def pair(value: Any, what: str) -> tuple[Any, Any]:
    """Take what a caller's `a, b = value` takes apart; of a tensor that would be rows, of a mapping keys. Raises
    Unfit."""
    if isinstance(value, torch.Tensor | Mapping | str | bytes) or not isinstance(value, Iterable):
        raise Unfit(f"{what} is a {type(value).__name__}, not a pair")
    found = tuple(islice(value, 3))
    if len(found) != 2:
        raise Unfit(f"{what} is a {type(value).__name__} of {'three or more' if found[2:] else len(found)}, not a pair")
    return found


def turned(tensor: torch.Tensor) -> torch.Tensor:
    """Give the same matrices, transposed in memory."""
    return tensor.mT.contiguous().mT


def strided(base: torch.Tensor, view: list[Any] | None) -> torch.Tensor:
    """Lay [size, stride, offset] over base, as the judge asked; None leaves base as it came."""
    return base if view is None else torch.as_strided(base, view[0], view[1], view[2])
