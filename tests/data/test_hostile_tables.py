"""Tables and arrays that would take too much memory, lose values or confuse names are refused or said."""

import io
import time

import numpy as np
import pandas as pd
import pytest
import torch

from labkit import data
from labkit.data import limits
from tests.data.test_hostile_files import refusal

ROWS = 30
X = np.random.default_rng(0).random((ROWS, 3))
LABELS = np.arange(ROWS) % 3


def table(tmp_path, columns: dict, name: str = "t.csv"):
    path = tmp_path / name
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def test_thousands_of_columns_of_numbers_are_read_together(tmp_path):
    values = np.random.default_rng(0).integers(0, 97, (20, 3_000)) / np.where(np.arange(3_000) % 2, 1, 8)
    text = [",".join(f"{value:g}" for value in row) for row in values]
    path = tmp_path / "t.csv"
    path.write_text(",".join(f"c{i}" for i in range(3_000)) + ",y\n" + "".join(f"{row},{i % 2}\n" for i, row in enumerate(text)))
    start = time.process_time()
    read = data.from_csv(path, target="y")
    assert time.process_time() - start < 5  # column by column it takes thrice that
    few = pd.read_csv(io.StringIO(path.read_text()), usecols=[*[f"c{i}" for i in range(40)], "y"])
    few.to_csv(tmp_path / "few.csv", index=False)
    narrow = data.from_csv(tmp_path / "few.csv", target="y")
    np.testing.assert_array_equal(read.train.x[:, :40], narrow.train.x)
    assert len(read.train.features) == 3_000


def test_columns_that_are_not_plain_are_read_alike_in_wide_and_narrow_tables(tmp_path):
    special = {
        "code": [f"0{i % 7}" for i in range(ROWS)],
        "same": ["5"] * ROWS,
        "thousands": [f"{1 + i % 9},{100 + i}" for i in range(ROWS)],
        "large": [str(2**24 + i) for i in range(ROWS)],
        "word": ["a" if i % 3 else "b" for i in range(ROWS)],
        "day": [f"2020-01-{1 + i % 28:02d}" for i in range(ROWS)],
        "y": [str(i % 2) for i in range(ROWS)],
    }
    wide = {**{f"c{i}": [str((i + j) % 50) for j in range(ROWS)] for i in range(600)}, **special}
    narrow = data.from_csv(table(tmp_path, special), target="y")
    read = data.from_csv(table(tmp_path, wide, "w.csv"), target="y")
    assert set(narrow.notes) <= set(read.notes)
    np.testing.assert_array_equal(read.train.x[:, 600:], narrow.train.x)


def test_text_of_many_categories_is_refused_before_it_is_encoded(tmp_path):
    names = [f"name {i // 2}" for i in range(3_000)]
    path = table(tmp_path, {**{f"n{j}": names for j in range(21)}, "y": ["a", "b"] * 1_500})
    assert "at most 1,000" in refusal(lambda: data.from_csv(path, target="y", max_categories=10**6))
    assert "21,000 features, and at most 20,000" in refusal(lambda: data.from_csv(path, target="y", max_categories=1_000))


def test_tables_are_refused_by_the_memory_of_their_features(monkeypatch):
    with pytest.raises(ValueError, match=r"t\.csv: 1,000 features of 1,000,000 rows take 4\.0 GB, and at most 2 GB are allowed"):
        limits.refuse_features(1_000_000, 1_000, "t.csv")


def test_a_long_header_over_blank_lines_is_refused_by_its_cells(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a," * 10_000 + b"y\n" + b"\n" * 6_000)
    assert "6,002 rows of 10,001 columns" in refusal(lambda: data.from_csv(path, target="y"))


def test_a_short_row_beside_a_cell_of_a_megabyte_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('a,b,y\n"' + "x" * 1_000_000 + '",2,n\n1,2\n3,4,m\n')
    assert "row 3 has 2 cells, the header 3" in refusal(lambda: data.from_csv(path, target="y"))


def test_a_long_run_of_spaces_within_a_cell_takes_no_minutes(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "".join(f"${i} {' ' * 60_000}{i},{'n' if i % 2 else 'm'}\n" for i in range(9)))
    start = time.process_time()
    refusal(lambda: data.from_csv(path, target="y"))
    assert time.process_time() - start < 5


def test_many_groups_and_groups_named_twice_are_refused(tmp_path):
    many = limits.MAX_GROUPS + 1
    path = table(tmp_path, {"who": [f"w{i}" for i in range(many)], "a": range(many), "y": [i % 2 for i in range(many)]})
    assert "10,001 different groups" in refusal(lambda: data.from_csv(path, target="y", groups=["who"]))
    assert "'a' is named twice" in refusal(lambda: data.from_csv(path, target="y", groups=["a", "a"]))
    assert any("'a' is named twice" in defect for defect in data.csv_defects(path, target="y", groups=["a", "a"]))
    with pytest.raises(ValueError, match="10,001 different groups"):
        data.from_arrays(np.zeros((many, 1)), np.arange(many) % 2, groups=pd.DataFrame({"who": range(many)}))


@pytest.mark.parametrize(
    "columns",
    [
        {"n": [2**24 + i for i in range(ROWS)]},
        {"n": [2**53 + i for i in range(ROWS)]},
        {"n": [9_007_199_254_740_992 + i % 2 for i in range(ROWS)]},
        {"n": [f"2020-01-01 00:00:{i:02d}" for i in range(ROWS)]},
    ],
)
def test_different_values_of_a_table_that_32_bits_make_equal_are_said(tmp_path, columns):
    path = table(tmp_path, {**columns, "y": LABELS})
    first = data.from_csv(path, target="y")
    assert any("in 32 bits" in note for note in first.notes)
    assert any("in 32 bits" in note for note in data.from_csv(path, like=first).notes)


@pytest.mark.parametrize("make", [np.array, pd.DataFrame, torch.tensor, lambda rows: pd.DataFrame(rows, dtype="Int64")])
@pytest.mark.parametrize("low", [2**24, 2**53])
def test_different_values_of_an_array_that_32_bits_make_equal_are_said(make, low):
    notes = data.from_arrays(make([[low + i] for i in range(ROWS)]), LABELS).notes
    assert any(f"{ROWS} different numbers become" in note for note in notes)
    assert data.from_arrays(make([[i] for i in range(ROWS)]), LABELS).notes == ()


def test_numbers_that_32_bits_cannot_hold_are_refused():
    assert "infinite in 32 bits" in refusal(lambda: data.from_arrays(X * 1e300, LABELS))
    assert "infinite in 32 bits" in refusal(lambda: data.from_arrays(pd.DataFrame(X * 1e300, columns=list("abc")), LABELS))


MASKED = np.ma.masked_array


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((MASKED(X, X > 0.5), LABELS), {}),
        (([MASKED(row, row > 0.5) for row in X], LABELS), {}),
        ((X, MASKED(LABELS, LABELS == 1)), {}),
        ((X, LABELS), {"groups": MASKED(LABELS, LABELS == 1)}),
        ((X, LABELS), {"groups": {"g": MASKED(LABELS, LABELS == 1)}}),
        ((X, pd.array([0, 1, None] * 10, dtype="Int64")), {}),
        ((pd.DataFrame({"a": pd.array([0, 1, None] * 10, dtype="Int64")}), LABELS), {}),
        ((X, LABELS), {"groups": pd.Series(pd.array([0, 1, None] * 10, dtype="Int64"))}),
        ((MASKED(np.zeros((ROWS, 1, 4, 4), np.uint8), True), LABELS), {}),
    ],
)
def test_what_is_masked_or_missing_is_never_taken_for_a_value(arguments, options):
    words = refusal(lambda: data.from_arrays(*arguments, **options))
    assert any(word in words for word in ("masked", "missing", "empty", "is nan"))


def test_a_mask_that_hides_nothing_is_no_matter():
    assert len(data.from_arrays(MASKED(X, False), MASKED(LABELS, False)).train)


def test_a_split_takes_neither_masks_nor_one_name_for_two_classes():
    with pytest.raises(ValueError, match="class name 'a' appears 2 times"):
        data.Split(LABELS, ("a", "b", "a"), x=X.astype(np.float32))
    with pytest.raises(ValueError, match="class name 'a' appears 2 times"):
        data.from_arrays(X, LABELS, classes=["a", "b", "a"])


def test_two_features_of_one_name_are_refused(tmp_path):
    frame = pd.get_dummies(pd.DataFrame({"a": ["b_c", "d"] * 15, "a_b": ["c", "e"] * 15}))
    assert "'a_b_c' appears 2 times" in refusal(lambda: data.from_arrays(frame, LABELS))
    path = table(tmp_path, {"a": ["b_c", "d"] * 15, "a_b": ["c", "e"] * 15, "y": LABELS})
    assert "would both be the feature 'a_b_c'" in refusal(lambda: data.from_csv(path, target="y"))


@pytest.mark.parametrize(
    "labels",
    [
        np.r_[LABELS[:-1], 10**9],
        np.r_[LABELS[:-1], 10_000],
        np.array([2**64 - 1] + [1] * (ROWS - 1), np.uint64),
        LABELS * 1e300,
        np.array([10**400, *LABELS[1:]], object),
    ],
)
def test_labels_that_would_make_names_without_end_are_refused(labels):
    refusal(lambda: data.from_arrays(X, labels))


@pytest.mark.parametrize(
    "examples",
    [
        np.broadcast_to(np.float32(1), (10**6, 10**6)),
        torch.rand(1).expand(10**6, 10**6),
        torch.rand(ROWS, 3, device="meta"),
        torch.rand(ROWS, 3).to_sparse(),
        torch.rand(ROWS, 3).to(torch.float8_e4m3fn),
        torch.rand(ROWS, 3, dtype=torch.complex64),
        [[1], [1, 2]] * 15,
        [[10**400]] * ROWS,
        pd.DataFrame({"a": [10**400, 1] * 15}, dtype=object),
        ["a\ud800"] * ROWS,
        None,
    ],
)
def test_arrays_that_numpy_cannot_hold_are_refused(examples):
    refusal(lambda: data.from_arrays(examples, LABELS))


@pytest.mark.parametrize(
    "options", [{"seed": -1}, {"seed": 1.5}, {"seed": None}, {"test_share": "x"}, {"validation_share": float("nan")}]
)
def test_seeds_and_shares_that_divide_nothing_are_refused(tmp_path, options):
    refusal(lambda: data.from_arrays(X, LABELS, **options))
    refusal(lambda: data.from_csv(table(tmp_path, {"a": range(ROWS), "y": LABELS}), target="y", **options))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "unknown"},
        {"format": "%d"},
        {"categories": "abc"},
        {"categories": [["a"]]},
        {"style": {"decimal": "x"}},
        {"name": 5},
    ],
)
def test_an_encoder_that_was_tampered_with_is_refused(tmp_path, change):
    import json

    first = data.from_csv(table(tmp_path, {"a": ["2020-01-01", "2020-01-02"] * 15, "y": LABELS}), target="y")
    facts = json.loads(first.encoder.to_json())
    facts["columns"][0].update(change)
    assert "no encoder written by" in refusal(lambda: data.Encoder.from_json(json.dumps(facts)))
    assert "no encoder written by" in refusal(lambda: data.Encoder.from_json("[" * 100_000))


def test_values_of_a_megabyte_are_shown_in_part(tmp_path):
    path = table(tmp_path, {"a": ["1", "x" * 1_000_000] * 15, "y": LABELS})
    assert len(refusal(lambda: data.from_csv(path, target="y"))) < 1_000


def test_classes_without_examples_are_counted_where_they_are_many(tmp_path):
    rows = 3_000
    path = table(tmp_path, {"a": range(rows), "y": ["many" if i < 300 else f"name {i // 3}" for i in range(rows)]})
    assert sum(len(note) for note in data.from_csv(path, target="y").notes) < 5_000
