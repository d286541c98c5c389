"""Images that are larger than the memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.learning import mapped


@given(length=st.integers(1, 5000), size=st.integers(1, 5000), batch=st.integers(1, 1000), piece=st.integers(1, 10**6))
def test_pieces_are_whole_batches_that_fit(length, size, batch, piece):
    """Together they are everything, in order; each has whole batches, and fits unless one batch does not."""
    before, mapped.PIECE = mapped.PIECE, piece
    try:
        cuts = mapped.pieces(length, size, batch)
    finally:
        mapped.PIECE = before
    assert [row for cut in cuts for row in range(cut.start, cut.stop)] == list(range(length))
    assert all((cut.stop - cut.start) % batch == 0 for cut in cuts[:-1])
    assert all((cut.stop - cut.start) * size <= piece or cut.stop - cut.start <= batch for cut in cuts)


def test_some_rows_are_like_an_array_of_them(tmp_path):
    """Length, slices and chosen places are those of the array that they stand for."""
    np.save(tmp_path / "images.npy", np.arange(120, dtype=np.uint8).reshape(30, 2, 2, 1))
    images = np.load(tmp_path / "images.npy", mmap_mode="r", allow_pickle=False)
    order = np.array([3, 1, 25, 7, 7])
    rows = mapped.Rows(images, order)
    assert len(rows) == 5
    assert mapped.row_bytes(rows) == 4
    for places in (slice(1, 4), slice(None, None, 2), np.array([4, 0])):
        np.testing.assert_array_equal(rows[places], images[order][places])


@pytest.mark.parametrize(("piece", "kind"), [(12, np.ndarray), (11, mapped.Rows)])
def test_rows_that_fit_into_a_piece_are_an_array(monkeypatch, piece, kind):
    """Small choices are read once; large ones are read when they are asked for."""
    monkeypatch.setattr(mapped, "PIECE", piece)
    assert isinstance(mapped.chosen(np.zeros((9, 2, 2, 1), np.uint8), np.arange(3)), kind)


@pytest.mark.parametrize("piece", [8, 10_000])
def test_rows_come_in_the_order_that_is_asked_for(tmp_path, monkeypatch, piece):
    """Also twice, from the memory or from the disk, and as a copy that may be changed."""
    monkeypatch.setattr(mapped, "PIECE", piece)
    np.save(tmp_path / "images.npy", np.arange(120, dtype=np.uint8).reshape(30, 2, 2, 1))
    images = np.load(tmp_path / "images.npy", mmap_mode="r", allow_pickle=False)
    rows = np.array([3, 1, 25, 7, 7], np.int32)
    for source in (images, mapped.Rows(images, np.arange(30)[::-1])):
        found = mapped.taken(source, rows)
        np.testing.assert_array_equal(found, np.stack([source[row : row + 1][0] for row in rows]))
        found[:] = 0
