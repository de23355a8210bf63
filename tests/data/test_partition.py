"""Parts are disjoint, complete, stratified and determined by the seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import data
from labkit.data.partition import stratified_parts


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=200),
    share=st.floats(0.05, 0.9),
    seed=st.integers(0, 2**31),
)
def test_parts_cover_every_row_once_in_the_given_share(labels, share, seed):
    labels = np.array(labels)
    first, rest = stratified_parts(labels, [share], seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([first, rest])), np.arange(len(labels)))
    for label in np.unique(labels):
        wanted = share * (labels == label).sum()
        assert abs((labels[first] == label).sum() - wanted) <= 0.5 + 1e-9


def test_another_seed_gives_other_parts():
    labels = np.arange(100) % 4
    assert not np.array_equal(stratified_parts(labels, [0.5], 0)[0], stratified_parts(labels, [0.5], 1)[0])


def test_groups_stay_with_their_rows():
    import pandas as pd

    x = np.arange(60.0)[:, None]
    ds = data.from_arrays(x, np.arange(60) % 2, groups=pd.DataFrame({"row": [f"r{i}" for i in range(60)]}))
    for split in ds.splits.values():
        assert list(split.groups["row"]) == [f"r{int(v)}" for v in split.x[:, 0]]
        np.testing.assert_array_equal(split.labels, split.x[:, 0].astype(int) % 2)


def test_a_class_without_examples_is_kept_and_noted():
    ds = data.from_arrays(np.zeros((20, 2)), np.arange(20) % 2, classes=["a", "b", "never"])
    assert ds.test.class_counts()["never"] == 0
    assert any("never" in note and "NaN" in note for note in ds.test.notes)


@pytest.mark.parametrize("shares", [{"test_share": 0.0}, {"validation_share": 1.2}, {"validation_share": 0.6, "test_share": 0.6}])
def test_invalid_shares_raise(shares):
    with pytest.raises(ValueError, match="share"):
        data.from_arrays(np.zeros((20, 2)), np.arange(20) % 2, **shares)
