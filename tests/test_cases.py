"""What the judge asks is fresh, repeatable, and no more told in advance than it must be."""

from __future__ import annotations

import itertools

import pytest
import torch

from grader.checks.cases import Draw


def test_the_same_seed_and_name_ask_the_same() -> None:
    """One check can be repeated by itself, and no two ask alike."""
    one, two = Draw(5, "check"), Draw(5, "check")
    assert torch.equal(one.tokens(50, 3, 9), two.tokens(50, 3, 9)) and one.untold(0, 2**60) == two.untold(0, 2**60)
    others = [Draw(6, "check"), Draw(5, "other")]
    assert len({draw.untold(0, 2**60) for draw in (Draw(5, "check"), *others)}) == 3


def test_what_is_told_late_is_apart_from_the_stream() -> None:
    """Nothing that is drawn before or between moves it, nor does it move the stream."""
    quiet, busy = Draw(5, "check"), Draw(5, "check")
    busy.normal(100)
    late = [quiet.untold(0, 999) for _ in range(50)]
    assert late == [busy.untold(0, 999) for _ in range(50)] and len(set(late)) > 40
    assert torch.equal(quiet.normal(100), Draw(5, "check").normal(100))
    assert {Draw(seed, "x").untold(3, 5) for seed in range(40)} == {3, 4, 5}


@pytest.mark.parametrize(("batch", "length"), [(2, 1), (2, 2), (3, 9), (5, 40)])
def test_two_rows_differ_in_one_token_of_the_first_half(batch: int, length: int) -> None:
    """So that what follows must differ too."""
    for seed in range(20):
        idx, at = Draw(seed, "rows").alike(11, batch, length)
        assert idx.shape == (batch, length) and 0 <= at < max(1, length / 2)
        assert (idx[0] != idx[1]).nonzero().flatten().tolist() == [at]


def test_chunks_add_up_and_are_uneven() -> None:
    """Any length is cut into pieces, some of one token."""
    cut = [Draw(seed, "chunks").chunks(total) for seed, total in itertools.product(range(10), (1, 2, 17, 41))]
    assert {sum(sizes) for sizes in cut} == {1, 2, 17, 41}
    assert any(1 in sizes and len(set(sizes)) > 2 for sizes in cut)
