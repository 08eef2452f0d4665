"""Frames between judge and worker; the only module that both sides of the wall share.

Two layers. *Chunks* carry bytes between the judge and the worker's parent: one kind byte, a length, the bytes.
Inside data chunks run *messages* between the judge and the child that has the submission: two lengths, a JSON header,
a safetensors payload. Nothing here trusts the other side: lengths are capped before anything is allocated, JSON is
strict, and no pickle is ever read.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = struct.Struct(">cI")  # kind, bytes
LENGTHS = struct.Struct(">IQ")  # header bytes, payload bytes

CHUNK_LIMIT = 64 << 20
RELAY_BYTES = 256 << 10  # largest data or log chunk that the worker's parent sends
HEADER_LIMIT = 1 << 20
TENSORS_HEADER_LIMIT = 1 << 18  # about 70 bytes a tensor
DEPTH_LIMIT = 12
NOWHERE = 1  # an address for tensors without bytes, as null is none

# Judge to the worker's parent.
BOOT, WARM, SPAWN, DATA, KILL = b"B", b"W", b"S", b"D", b"K"
# The worker's parent to the judge (and DATA).
READY, LOG, EXIT = b"R", b"L", b"X"


class WireError(ValueError):
    """What came over the wire is not a frame. The text is safe to show."""


class TooLarge(WireError):
    """A frame says it is larger than the limit."""


@dataclass
class Message:
    """One request, reply or call back."""

    header: dict[str, Any]
    tensors: dict[str, Tensor] = field(default_factory=dict)


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return CHUNK.pack(kind, len(data)) + data


class ChunkReader:
    """Cut a byte stream into chunks."""

    def __init__(self, limit: int = CHUNK_LIMIT) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> tuple[bytes, bytes] | None:
        """Give the next whole chunk as (kind, data), or None until more bytes are fed. Raises WireError."""
        if len(self._buffer) < CHUNK.size:
            return None
        kind, size = CHUNK.unpack_from(self._buffer)
        if size > self._limit:
            raise TooLarge(f"a chunk says {size} bytes; the limit is {self._limit}")
        end = CHUNK.size + size
        if len(self._buffer) < end:
            return None
        data = bytes(memoryview(self._buffer)[CHUNK.size : end])
        del self._buffer[:end]
        return kind, data


def pack(message: Message) -> bytes:
    """Give a message as bytes. Tensors must be plain, dense and on the CPU."""
    header = json.dumps(message.header, allow_nan=False).encode()
    payload = pack_tensors(message.tensors) if message.tensors else b""
    return LENGTHS.pack(len(header), len(payload)) + header + payload


def pack_tensors(tensors: dict[str, Tensor]) -> bytes:
    """Give tensors as a safetensors payload: the same as safetensors.torch.save, ten times as fast for small ones."""
    from safetensors import TensorSpec, serialize

    kept = {name: tensor.contiguous() for name, tensor in tensors.items()}  # alive until serialize has read them
    specs = {
        name: TensorSpec(
            dtype=str(tensor.dtype).removeprefix("torch."),
            shape=list(tensor.shape),
            data_ptr=tensor.data_ptr() or NOWHERE,
            data_len=tensor.numel() * tensor.element_size(),
        )
        for name, tensor in kept.items()
    }
    return serialize(specs)


class MessageReader:
    """Cut a byte stream into messages of at most `payload_limit` bytes of tensors."""

    def __init__(self, payload_limit: int) -> None:
        self._buffer = bytearray()
        self._limit = payload_limit

    def feed(self, data: bytes) -> None:
        self._buffer += data

    @property
    def pending(self) -> int:
        """Bytes that are here but not yet a message."""
        return len(self._buffer)

    def next(self) -> Message | None:
        """Give the next whole message, or None until more bytes are fed. Raises WireError."""
        if len(self._buffer) < LENGTHS.size:
            return None
        header_bytes, payload_bytes = LENGTHS.unpack_from(self._buffer)
        if header_bytes > HEADER_LIMIT:
            raise WireError(f"a header says {header_bytes} bytes; the limit is {HEADER_LIMIT}")
        if payload_bytes > self._limit:
            raise TooLarge(
                f"a reply says {payload_bytes} bytes; the limit is {self._limit} (limits.reply_mib in the rubric)"
            )
        start, end = LENGTHS.size + header_bytes, LENGTHS.size + header_bytes + payload_bytes
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            header, payload = bytes(view[LENGTHS.size : start]), bytes(view[start:end])
        del self._buffer[:end]
        return Message(parse_header(header), parse_tensors(payload))


def parse_header(data: bytes) -> dict[str, Any]:
    """Read strict JSON: an object of text that can be written, numbers of 64 bits, no NaN, no key twice, not too deep.

    Raises WireError.
    """

    def no_constant(text: str) -> Any:
        raise WireError(f"header has the constant {text}")

    def finite(text: str) -> float:
        value = float(text)
        if value - value != 0:
            raise WireError("header has a number too large for a float")
        return value

    def whole(text: str) -> int:
        value = int(text)
        if not -(2**63) <= value < 2**63:
            raise WireError("header has a number too large for 64 bits")
        return value

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise WireError("header has a key twice")
        return found

    try:
        header = json.loads(
            data.decode("utf-8"),
            parse_constant=no_constant,
            parse_float=finite,
            parse_int=whole,
            object_pairs_hook=unique,
        )
        if b"\\u" in data:
            json.dumps(header, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except WireError:
        raise
    except (ValueError, RecursionError) as error:
        raise WireError(f"header is not JSON: {type(error).__name__}") from None
    if not isinstance(header, dict):
        raise WireError(f"header is a {type(header).__name__}, not an object")
    if _deeper_than(header, DEPTH_LIMIT):
        raise WireError(f"header is nested deeper than {DEPTH_LIMIT}")
    return header


def _deeper_than(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    items = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_deeper_than(item, depth - 1) for item in items)


def parse_tensors(payload: bytes) -> dict[str, Tensor]:
    """Read a safetensors payload into plain tensors. Raises WireError."""
    if not payload:
        return {}
    # The header of a payload is parsed before anything in it is looked at.
    if int.from_bytes(payload[:8], "little") > TENSORS_HEADER_LIMIT:
        raise WireError(f"payload says its header is larger than the limit of {TENSORS_HEADER_LIMIT} bytes")
    from safetensors.torch import load

    try:
        return load(payload)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # a panic of the parser derives from BaseException
        raise WireError(f"payload is not safetensors: {type(error).__name__}") from None
