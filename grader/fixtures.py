"""The trained checkpoints with their golden prompts, as the judge reads them: nothing unverified gets past here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from grader.errors import HarnessError
from grader.project import FIXTURES

if TYPE_CHECKING:
    from torch import Tensor

Positions = Literal["learned", "rope"]
CHECKSUMS = "checksums.sha256"


@dataclass(frozen=True)
class Prompt:
    """A prompt and the text that greedy generation must add to it."""

    prompt: str
    expected: str  # what follows the prompt; one token a character
    margin: float  # smallest gap between the two best logits over the path, in float64


@dataclass(frozen=True)
class Checkpoint:
    """A trained model as data: what MiniGPT is built with, what it loads, and what it must then say."""

    config: dict[str, Any]  # the keywords of GPTConfig
    weights: dict[str, Tensor]  # float32
    characters: str  # the vocabulary: token i is character i
    # By length; some share theirs, to be generated as one batch; the last goes past block_size.
    prompts: tuple[Prompt, ...]

    def encode(self, text: str) -> list[int]:
        """Give the tokens of text. Raises ValueError for a character outside the vocabulary."""
        return [self.characters.index(character) for character in text]

    def decode(self, tokens: Iterable[int]) -> str:
        """Give the text of tokens; one that is not in the vocabulary, which a submission may send, shows as U+FFFD."""
        size = len(self.characters)
        return "".join(self.characters[token] if 0 <= token < size else "\ufffd" for token in tokens)


def load(positions: Positions) -> Checkpoint:
    """Read the checkpoint of a position scheme. Raises HarnessError where a file is missing or was changed."""
    from safetensors.torch import load as load_tensors

    sums = _checksums()
    stored = _verified(f"{positions}.safetensors", sums)
    greedy = json.loads(_verified("greedy.json", sums))[positions]
    tokenizer = json.loads(_verified("tokenizer.json", sums))
    return Checkpoint(
        config=json.loads(_metadata(stored)["config"]),
        weights=load_tensors(stored),
        characters="".join(tokenizer["characters"]),
        prompts=tuple(Prompt(**entry) for entry in greedy),
    )


def _metadata(stored: bytes) -> dict[str, str]:
    """Give the metadata of a safetensors file: 8 bytes of length, little-endian, then the header as JSON."""
    length = int.from_bytes(stored[:8], "little")
    metadata: dict[str, str] = json.loads(stored[8 : 8 + length])["__metadata__"]
    return metadata


def _checksums() -> dict[str, str]:
    """Give file name -> SHA-256 from the list that sha256sum -c reads too."""
    lines = _read(CHECKSUMS).decode().splitlines()
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def _verified(name: str, sums: dict[str, str]) -> bytes:
    data = _read(name)
    digest = hashlib.sha256(data).hexdigest()
    if digest != sums.get(name):
        raise HarnessError(
            f"{FIXTURES / name} has SHA-256 {digest}; {CHECKSUMS} says {sums.get(name, 'nothing')}. "
            "Restore the file, or make all fixtures again with `make fixtures`."
        )
    return data


def _read(name: str) -> bytes:
    try:
        return (FIXTURES / name).read_bytes()
    except OSError as error:
        raise HarnessError(
            f"{FIXTURES / name} cannot be read ({error.strerror}). "
            "Restore the file, or make all fixtures again with `make fixtures`."
        ) from error
