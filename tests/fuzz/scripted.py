"""Bytes as a script: numbers and pieces are taken from the front until nothing is left, then all is zero and empty."""

from __future__ import annotations


class Script:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    @property
    def ended(self) -> bool:
        return self.at >= len(self.data)

    def byte(self) -> int:
        piece = self.take(1)
        return piece[0] if piece else 0

    def take(self, most: int) -> bytes:
        piece = self.data[self.at : self.at + most]
        self.at += most
        return piece

    def some(self) -> bytes:
        """Take a piece whose length stands before it, in two bytes."""
        return self.take(self.byte() << 8 | self.byte())
