"""The wire: whatever bytes come, either a message comes out or a WireError that names the fault."""

from __future__ import annotations

import json
import struct
import time
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader import wire

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8).filter(
    lambda name: name != "__metadata__"
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
HEADERS = st.dictionaries(
    st.text(max_size=6), SCALARS | st.text(max_size=20) | st.lists(SCALARS, max_size=4), max_size=5
)
DTYPES = st.sampled_from([torch.float32, torch.float64, torch.int64, torch.bool, torch.bfloat16])


@st.composite
def tensors(draw: Any) -> torch.Tensor:
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    return (torch.randn(shape) * 3).to(draw(DTYPES))


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


@given(HEADERS, st.dictionaries(NAMES, tensors(), max_size=3), st.lists(st.integers(0, 50), max_size=10))
def test_messages_survive_any_cut_of_the_stream(
    header: dict[str, Any], payload: dict[str, torch.Tensor], sizes: list[int]
) -> None:
    """Header and tensors come out as they went in, however the stream was cut, and nothing is left over."""
    reader = wire.MessageReader(1 << 20)
    found = []
    for piece in cut(wire.pack(wire.Message(header, payload)) * 2, sizes):
        reader.feed(piece)
        while (message := reader.next()) is not None:
            found.append(message)
    assert len(found) == 2 and reader.pending == 0
    for message in found:
        assert message.header == header
        assert set(message.tensors) == set(payload)
        for name, tensor in payload.items():
            got = message.tensors[name]
            assert got.dtype == tensor.dtype and got.shape == tensor.shape and type(got) is torch.Tensor
            assert torch.equal(got, tensor)


@given(st.binary(max_size=200))
def test_garbage_is_a_wire_error_or_waits_for_more(data: bytes) -> None:
    """No bytes make the reader raise anything but WireError."""
    reader = wire.MessageReader(1 << 20)
    reader.feed(data)
    try:
        reader.next()
    except wire.WireError:
        pass


@given(st.binary(max_size=300))
def test_garbage_payloads_are_wire_errors(data: bytes) -> None:
    """No payload makes the tensor parser raise anything but WireError."""
    try:
        wire.parse_tensors(data)
    except wire.WireError:
        pass


@given(
    st.lists(st.tuples(st.sampled_from([wire.DATA, wire.LOG, wire.EXIT]), st.binary(max_size=40))),
    st.lists(st.integers(0, 9)),
)
def test_chunks_survive_any_cut(chunks: list[tuple[bytes, bytes]], sizes: list[int]) -> None:
    """Chunks come out in order with their kinds, however the stream was cut."""
    reader, found = wire.ChunkReader(), []
    for piece in cut(b"".join(wire.chunk(*c) for c in chunks), sizes):
        reader.feed(piece)
        while (item := reader.next()) is not None:
            found.append(item)
    assert found == chunks


@pytest.mark.parametrize("claim", [(1 << 32) - 1, wire.CHUNK_LIMIT + 1])
def test_a_chunk_over_the_limit_is_refused_before_it_is_read(claim: int) -> None:
    """A length is believed only below its limit."""
    reader = wire.ChunkReader()
    reader.feed(wire.CHUNK.pack(wire.DATA, claim))
    with pytest.raises(wire.TooLarge, match=str(claim)):
        reader.next()


@pytest.mark.parametrize(
    ("header", "payload"), [(1, 2**63), (1, 2**64 - 1), (2**32 - 1, 0), (wire.HEADER_LIMIT + 1, 8)]
)
def test_a_message_over_the_limit_is_refused_before_it_is_read(header: int, payload: int) -> None:
    """Lengths of 2^63 and the like allocate nothing."""
    reader = wire.MessageReader(1 << 20)
    reader.feed(wire.LENGTHS.pack(header, payload))
    with pytest.raises(wire.WireError, match="the limit is"):
        reader.next()


@pytest.mark.parametrize(
    "text",
    [
        '{"a": NaN}', '{"a": Infinity}', '{"a": 1e999}', '{"a": 1, "a": 2}', '{"a": {"b": 1, "b": 2}}', "[]", "1", "",
        '{"a": ' + "9" * 5000 + "}", f'{{"a": {2**63}}}', f'{{"a": [{-(2**63) - 1}]}}', "[" * 100000,
        '{"a":' * 50 + "1" + "}" * 50, '{"a": "\ud800"}',
    ],
)  # fmt: skip
def test_json_that_is_not_strict_is_refused(text: str) -> None:
    """Constants, doubled keys, huge numbers and deep nesting are faults of the other side, never crashes of ours."""
    with pytest.raises(wire.WireError):
        wire.parse_header(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_whole_numbers_of_64_bits_are_read(number: int) -> None:
    """The largest and the smallest come out as they went in."""
    assert wire.parse_header(b'{"a": %d}' % number) == {"a": number}


@pytest.mark.parametrize(
    "text",
    [
        b"[" * (1 << 20), b'{"a":' * 200_000, b'{"a":[' + b"[]," * 349_000 + b"[]]}",
        b'{"a":[' + b'{"b":1},' * 130_000 + b"{}]}", b"{" + b",".join(b'"%d":1' % i for i in range(90_000)) + b"}",
        b'{"a":[' + b"1e9," * 260_000 + b"1]}", b'{"a":1' + b"1" * (1 << 20) + b"e-9}",
        b'{"a":[' + b"9" * 4300 + (b"," + b"9" * 4300) * 240 + b"]}", b'{"a":-' + b"9" * (1 << 20) + b"}",
        b'{"a":"' + b"\\u00e9" * 170_000 + b'"}', b'{"a":"' + b"\\ud83d" * 170_000 + b'"}', b" " * (1 << 20),
        b'{"a":"' + b"\\" * 1_000_000 + b'"}', b"\xff" * (1 << 20), b'"' * (1 << 20),
    ],
)  # fmt: skip
def test_the_worst_header_takes_a_moment(text: bytes) -> None:
    """A header of a megabyte, nested, or with a hundred thousand keys or numbers, is read or refused quickly."""
    assert len(text) < wire.HEADER_LIMIT + (1 << 14)
    started = time.process_time()
    try:
        wire.parse_header(text[: wire.HEADER_LIMIT])
    except wire.WireError:
        pass
    assert time.process_time() - started < 5


def safetensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "payload",
    [
        struct.pack("<Q", 100 << 20) + b"{}",
        struct.pack("<Q", 2**63) + b"{}",
        safetensors({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 8]}}, b"\0" * 8),
        safetensors({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 8]}}, b"\0" * 8),
        safetensors({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"\0" * 4),
        safetensors(
            {
                "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
            },
            b"\0" * 12,
        ),
        safetensors({"a": {"dtype": "Q99", "shape": [1], "data_offsets": [0, 4]}}, b"\0" * 4),
        safetensors(b"[" * 10000),
        b"\x80\x04\x95.",
    ],
    ids=["header-100MB", "header-2^63", "short", "overflow", "negative", "overlap", "dtype", "nesting", "pickle"],
)
def test_malformed_safetensors_are_refused(payload: bytes) -> None:
    """Overlapping offsets, overflowing shapes and absurd headers are faults of the other side."""
    with pytest.raises(wire.WireError, match=r"payload (is not safetensors|says its header is larger)"):
        wire.parse_tensors(payload)
