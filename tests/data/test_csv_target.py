"""The target of a CSV file: equal values are one class, quantities are refused, rare classes are said."""

import numpy as np
import pytest

from labkit import data


def load(tmp_path, values, **options):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values)))
    return data.from_csv(path, target="y", **options)


def test_numbers_are_equal_by_value(tmp_path):
    ds = load(tmp_path, ["1", "1.0", "0", "0.0", "+1", "00"] * 10)
    assert ds.classes == ("0", "1")
    rows = np.concatenate([split.x[:, 0] for split in ds.splits.values()]).astype(int)
    labels = np.concatenate([split.labels for split in ds.splits.values()])
    np.testing.assert_array_equal(labels, np.array([1, 1, 0, 0, 1, 0])[rows % 6])
    assert any("column 'y': equal values are one" in note for note in ds.notes)


def test_one_spelling_alone_stays(tmp_path):
    assert load(tmp_path, ["1.0", "2.50"] * 10).classes == ("1.0", "2.50")


@pytest.mark.parametrize("flags", [("TRUE", "true", "False"), ("Yes", "yes", "no"), ("Y", "n", "N"), ("T", "t", "F")])
def test_flags_are_equal_whatever_their_capitals(tmp_path, flags):
    assert len(load(tmp_path, flags * 10).classes) == 2


def test_other_capitals_are_kept_apart_and_said(tmp_path):
    ds = load(tmp_path, ["Cat", "cat", "dog"] * 10)
    assert ds.classes == ("Cat", "cat", "dog")
    assert any("'Cat' and 'cat' differ in capitals or spaces only" in note for note in ds.notes)


def test_spaces_around_do_not_make_a_class(tmp_path):
    assert load(tmp_path, ["cat", " cat", "cat  ", "dog"] * 10).classes == ("cat", "dog")


@pytest.mark.parametrize(
    "make",
    [
        lambda i: f"{i * 0.37:.3f}",
        lambda i: str(1000 + 7 * i),
        lambda i: f'"{i},5"',
        lambda i: f"${i}.50",
        lambda i: f"{i / 4}",
    ],
)
def test_quantities_are_no_classes(tmp_path, make):
    with pytest.raises(ValueError, match=r"target column 'y' holds \d+ different numbers in 100 rows, a quantity.*qcut"):
        load(tmp_path, [make(i) for i in range(100)])


def test_names_are_no_classes(tmp_path):
    with pytest.raises(ValueError, match="100 different texts in 100 rows, hardly classes"):
        load(tmp_path, [f"patient {i}" for i in range(100)])


def test_many_whole_numbers_are_classes_but_said(tmp_path):
    ds = load(tmp_path, [str(i % 40) for i in range(400)])
    assert ds.classes == tuple(map(str, range(40)))
    assert any("the 40 classes are numbers; if they are a quantity" in note for note in ds.notes)


def test_rare_classes_are_said(tmp_path):
    ds = load(tmp_path, ["a", "b"] * 20 + ["c", "d", "d"])
    assert any("2 classes with fewer than 5 rows: 'c' (1), 'd' (2)" in note for note in ds.notes)
    assert ds.classes == ("a", "b", "c", "d")


def test_groups_equal_by_value_are_one(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,g,y\n" + "".join(f"{i},{('1', '1.0', '2')[i % 3]},{'ab'[i % 2]}\n" for i in range(30)))
    ds = data.from_csv(path, target="y", groups="g")
    assert set(ds.train.groups["g"]) == {"1", "2"}
    assert any("column 'g': equal values are one" in note for note in ds.notes)
