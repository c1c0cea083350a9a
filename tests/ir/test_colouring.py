"""Colourings: every element of a matrix can be read off from the products with its colours."""

import numpy as np
import pytest

pytest.importorskip("scipy")

from scipy import sparse

from tapeless.ir.colouring import colour_columns, colour_symmetric, read_directly


def test_a_row_has_no_two_columns_of_one_colour() -> None:
    pattern = sparse.random_array((60, 40), density=0.08, rng=np.random.default_rng(0)).astype(bool).tocsr()
    colours = colour_columns(pattern)
    for row in range(60):
        own = colours[pattern.indices[pattern.indptr[row] : pattern.indptr[row + 1]]]
        assert len(set(own)) == len(own)
    np.testing.assert_array_equal(colours, colour_columns(pattern))


@pytest.mark.parametrize("seed", range(20))
def test_a_star_colouring_leaves_each_element_readable(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pattern = sparse.random_array((30, 30), density=0.02 * (seed % 7), rng=rng).astype(bool)
    pattern = sparse.csr_array(pattern + pattern.T + sparse.eye_array(30, dtype=bool))
    pattern.sort_indices()
    rows = np.repeat(np.arange(30), np.diff(pattern.indptr))
    colours = colour_symmetric(pattern)
    direct = sparse.csr_array((read_directly(pattern, rows, colours), pattern.indices, pattern.indptr)).toarray()
    assert (direct | direct.T)[pattern.toarray()].all()


def test_an_arrow_has_a_star_colouring_of_two() -> None:
    n = 2000
    arrow = sparse.lil_array((n, n), dtype=bool)
    arrow.setdiag(True)
    arrow[0, :] = arrow[:, 0] = True
    pattern = sparse.csr_array(arrow)
    assert colour_symmetric(pattern).max() == 1
    assert colour_columns(pattern).max() == n - 1
