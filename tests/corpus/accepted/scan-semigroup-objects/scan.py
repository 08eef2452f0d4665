"""Hillis-Steele over a semigroup object: values carry their operator, and a step is a product of two shifted values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import accumulate, repeat, starmap, takewhile
from operator import mul
from typing import Callable

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Rows of a semigroup. `a @ b` combines them one by one, `a + b` lays b's rows after a's."""

    of: Tensor
    combine: Callable[[Tensor, Tensor], Tensor]

    def __matmul__(self, other: Rows) -> Rows:
        return Rows(self.combine(self.of, other.of), self.combine)

    def __add__(self, other: Rows) -> Rows:
        return Rows(torch.concatenate((self.of, other.of)), self.combine)

    def __getitem__(self, rows: slice) -> Rows:
        return Rows(self.of[rows], self.combine)

    def __len__(self) -> int:
        return self.of.shape[0]

    def step(self, offset: int) -> Rows:
        return self[:offset] + self[:-offset] @ self[offset:]


def inclusive_scan(xs: Tensor, combine: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    offsets = takewhile(xs.shape[0].__gt__, accumulate(repeat(2), mul, initial=1))  # 1, 2, 4, ... below n
    return reduce(Rows.step, offsets, Rows(xs.clone(), combine)).of


def tiled_prefix_matmul(A: Tensor, B: Tensor, tile: int) -> Tensor:
    if A.shape[1] == 0:  # split would give one empty piece
        return torch.matmul(A, B).expand(0, -1, -1)
    pieces = starmap(torch.mm, zip(A.split(tile, 1), B.split(tile, 0)))
    return inclusive_scan(torch.stack(tuple(pieces)), torch.add)
