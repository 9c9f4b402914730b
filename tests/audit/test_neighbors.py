import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorlens.audit.clusters import join, members
from tumorlens.audit.neighbors import Compression, Index
from tumorlens.audit.turns import INVERSE, turn, turned_thumbnails

pytestmark = pytest.mark.extra_eval


def unit(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    vectors = rng.standard_normal((count, size)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
@settings(max_examples=25)
def test_compression_never_lowers_a_product(seed: int, rank: int) -> None:
    vectors = unit(np.random.default_rng(seed), 40, 60)
    packed = Compression(vectors, rank)(vectors)
    assert packed.shape == (40, rank + 1)
    assert (packed @ packed.T - vectors @ vectors.T).min() > -1e-5


def test_exhaustive_search_by_hand() -> None:
    references = np.eye(3, dtype=np.float32)
    queries = np.array([[0.6, 0.8, 0], [0, 0, 1]], np.float32)
    rows, columns, values = Index(references).above(queries, 0.7)
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 1), (1, 2)]
    np.testing.assert_allclose(np.sort(values), [0.8, 1])
    near, value = Index(references).top(queries, 2)
    assert near[0].tolist() == [1, 0] and value[0] == pytest.approx([0.8, 0.6])
    near, _ = Index(references[:1]).top(queries, 2)
    assert near[:, 1].tolist() == [-1, -1]
    assert all(part.size == 0 for part in Index(references[:0]).above(queries, 0.5))


def test_inverted_lists_find_what_the_exhaustive_search_finds() -> None:
    rng = np.random.default_rng(0)
    base = unit(rng, 3000, 32)
    copies = base + 0.04 * rng.standard_normal(base.shape).astype(np.float32)
    vectors = np.concatenate([base, copies / np.linalg.norm(copies, axis=1, keepdims=True)])
    pairs = [set(zip(*Index(vectors, exhaustive=how).above(vectors, 0.9)[:2], strict=True)) for how in (True, False)]
    assert pairs[1] <= pairs[0] and len(pairs[1]) > 0.99 * len(pairs[0])
    near, value = Index(vectors, exhaustive=False).top(vectors, 3)
    assert (near[:, 0] == np.arange(len(vectors))).mean() > 0.99 and (np.diff(value, axis=1) <= 0).all()


@pytest.mark.parametrize("which", range(8))
def test_turns_have_their_inverse_and_move_thumbnails_alike(which: int) -> None:
    picture = np.random.default_rng(1).random((48, 48)).astype(np.float32)
    turned = turn(picture, which)
    np.testing.assert_array_equal(turn(turned, INVERSE[which]), picture)
    np.testing.assert_array_equal(turned_thumbnails(picture.reshape(1, -1), which)[0], turned.ravel())


def test_clusters_by_hand() -> None:
    cluster = join(6, [(4, 1), (1, 5), (2, 3)])
    assert cluster.tolist() == [0, 1, 2, 2, 1, 1]
    assert [group.tolist() for group in members(cluster)] == [[1, 4, 5], [2, 3]]
    assert join(0, []).tolist() == [] and members(join(3, [])) == []
