"""Columns of a CSV file: numbers in every style come back, dates are days, identifiers never become a column a value."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import data
from labkit.data.dates import days, format_of_dates
from labkit.data.numerals import parse, style_of


def write(tmp_path, cells, *, separator=",", name="v", others=()):
    path = tmp_path / "t.csv"
    rows = [f'"{cell}"' if separator in cell else cell for cell in cells]
    lines = [separator.join([name, *(n for n, _ in others), "y"])]
    lines += [separator.join([row, *(make(i) for _, make in others), "ab"[i % 2]]) for i, row in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def whole(ds, feature="v"):
    """The values of one feature in all parts, sorted."""
    column = ds.train.features.index(feature)
    return np.sort(np.concatenate([split.x[:, column] for split in ds.splits.values()]))


def grouped(value, thousands, decimal, places):
    text = f"{value:,.{places}f}"
    return text.translate(str.maketrans({",": thousands, ".": decimal}))


STYLES = [
    (",", "."),
    (".", ","),
    (" ", ","),
    (" ", "."),
    ("\u00a0", ","),
    ("\u202f", ","),
    ("'", "."),
    ("’", "."),
    ("", ","),
    ("", "."),
]
DRESSES = ["{}", "${}", "{} €", "CHF {}", "£{}", "{} USD", "{}%", "{} %", "{} kg", "{}km", "€ {}", "{} kr"]


@given(
    st.lists(st.floats(-1e7, 1e7, allow_nan=False), min_size=2, max_size=20),
    st.sampled_from(STYLES),
    st.sampled_from(DRESSES),
    st.integers(1, 2),
    st.sampled_from(["-", "−", "()"]),
)
def test_numbers_come_back_from_every_style(values, style, dress, places, minus):
    thousands, decimal = style
    values = [round(value, places) for value in [*values, 1234567.1, 0.5]]
    texts = []
    for value in values:
        text = dress.format(grouped(abs(value), thousands, decimal, places))
        texts.append(text if value >= 0 else f"({text})" if minus == "()" else minus + text)
    texts = pd.Series(texts)
    found = style_of(texts)
    assert found is not None
    np.testing.assert_allclose(parse(texts, found), values, rtol=1e-12)


@given(st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=20), st.sampled_from([",", " ", "'"]))
def test_whole_numbers_with_groups_come_back(values, thousands):
    values = [*values, 1_234_567]
    texts = pd.Series([grouped(value, thousands, ".", 0) for value in values])
    np.testing.assert_array_equal(parse(texts, style_of(texts)), values)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=1, max_size=20))
def test_plain_numbers_are_read_as_pandas_reads_them(values):
    texts = pd.Series([repr(value) for value in values])
    np.testing.assert_array_equal(parse(texts, style_of(texts)), pd.to_numeric(texts).to_numpy(float))


@pytest.mark.parametrize(
    "texts", [["12a", "13b"], ["1,2,3", "1"], ["1.2.3", "4"], ["patient 1", "patient 2"], ["A1"], ["1-2", "3-4"]]
)
def test_codes_are_no_numbers(texts):
    assert style_of(pd.Series(texts)) is None


def test_the_other_columns_say_what_a_comma_means(tmp_path):
    cells = [f"{1 + i},{100 + i}" for i in range(30)]
    wanted = {"thousands": [1000 * (1 + i) + 100 + i for i in range(30)], "decimals": [1 + i + (100 + i) / 1000 for i in range(30)]}
    ds = data.from_csv(write(tmp_path, cells), target="y")
    np.testing.assert_allclose(whole(ds), wanted["thousands"])
    assert any("1,100 is read as 1100" in note for note in ds.notes)
    ds = data.from_csv(write(tmp_path, cells, separator=";", others=[("w", lambda i: f"0,{i}")]), target="y")
    np.testing.assert_allclose(whole(ds), wanted["decimals"])
    assert any("1,100 is read as 1.1" in note for note in ds.notes)
    ds = data.from_csv(write(tmp_path, cells, separator=";", others=[("w", lambda i: f"0.{i}")]), target="y")
    np.testing.assert_allclose(whole(ds), wanted["thousands"])
    np.testing.assert_allclose(whole(data.from_csv(write(tmp_path, cells), target="y", decimal=",")), wanted["decimals"])


def test_points_divide_thousands_beside_decimal_commas(tmp_path):
    cells = [f"{1 + i}.{100 + i}" for i in range(30)]
    path = write(tmp_path, cells, separator=";", others=[("w", lambda i: f"{i},5")])
    np.testing.assert_allclose(whole(data.from_csv(path, target="y")), [1000 * (1 + i) + 100 + i for i in range(30)])
    fractions = write(tmp_path, [f"0.{100 + i}" for i in range(30)], separator=";", others=[("w", lambda i: f"{i},5")])
    np.testing.assert_allclose(whole(data.from_csv(fractions, target="y")), [(100 + i) / 1000 for i in range(30)], rtol=1e-6)


@pytest.mark.parametrize("kind", ["thousands", "currency", "percent", "ledger", "unit"])
def test_300_numbers_are_one_feature_and_said(tmp_path, kind):
    cell = {
        "thousands": "{},{:03d}",
        "currency": "${}.{:03d}",
        "percent": "{}.{:03d}%",
        "ledger": "({}.{:03d})",
        "unit": "{}.{:03d} kg",
    }
    cells = [cell[kind].format(i + 1, i) for i in range(300)]
    ds = data.from_csv(write(tmp_path, cells), target="y")
    assert ds.train.features == ("v",)
    assert any("column 'v':" in note and "is read as" in note for note in ds.notes)


@pytest.mark.parametrize(
    ("form", "python"),
    [
        ("%Y-%m-%d", None),
        ("%Y/%m/%d", None),
        ("%d.%m.%Y", None),
        ("%m/%d/%Y", None),
        ("%d/%m/%Y", None),
        ("%d-%m-%Y", None),
        ("%Y-%m-%d %H:%M", None),
        ("%Y-%m-%dT%H:%M:%S", None),
        ("%Y-%m-%d %H:%M:%S.%f", None),
        ("%d %b %Y", None),
        ("%B %d, %Y", None),
        ("%d-%b-%y", None),
    ],
)
def test_dates_are_days(tmp_path, form, python):
    stamps = pd.date_range("2019-12-25", periods=60, freq="37h")
    texts = stamps.strftime(form)
    expected = pd.to_datetime(texts, format=form)
    cells = list(texts)
    ds = data.from_csv(write(tmp_path, cells), target="y")
    assert ds.train.features == ("v",)
    np.testing.assert_allclose(whole(ds), np.sort((expected - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)), atol=0.002)
    assert any("dates became days since 1970-01-01" in note for note in ds.notes)


def test_days_and_months_are_told_apart_by_the_column():
    assert format_of_dates(pd.Series(["13/01/2020", "02/01/2020"])) == "%d/%m/%Y"
    assert format_of_dates(pd.Series(["01/13/2020", "02/01/2020"])) == "%m/%d/%Y"
    assert format_of_dates(pd.Series(["2020-01-01", "yesterday"])) is None
    assert days(pd.Series(["2020-01-01T12:00:00+02:00"]), "%Y-%m-%dT%H:%M:%S%z")[0] == 18262 + 10 / 24


@pytest.mark.parametrize("cell", [lambda i: f"patient {i}", lambda i: f"{i:032x}"[::-1] + "x", lambda i: f"a{i}@example.org"])
def test_identifiers_are_left_out_and_said(tmp_path, cell):
    path = write(tmp_path, [cell(i) for i in range(300)], name="who", others=[("age", str)])
    ds = data.from_csv(path, target="y")
    assert ds.train.features == ("age",)
    assert any("column 'who' holds 300 different texts in 300 rows" in note and "left out" in note for note in ds.notes)
    with pytest.raises(ValueError, match=r"no feature columns.*'who' holds 300 different texts"):
        data.from_csv(path, target="y", drop="age")
    assert len(data.from_csv(path, target="y", categories=["who"], max_categories=20).train.features) == 21


def test_many_categories_are_pooled(tmp_path):
    path = write(tmp_path, [f"c{int(math.sqrt(i))}" for i in range(2000)])
    ds = data.from_csv(path, target="y", max_categories=10)
    assert len(ds.train.features) == 10
    assert ds.train.features[-1] == "v_other"
    assert (np.concatenate([split.x for split in ds.splits.values()]).sum(1) == 1).all()
    assert any("the 9 most frequent ones are kept" in note for note in ds.notes)
    table = pd.Series([f"c{int(math.sqrt(i))}" for i in range(2000)]).value_counts()
    assert {f"v_{name}" for name in table.index[:4]} <= set(ds.train.features)


def test_constant_columns_codes_and_spellings_are_said(tmp_path):
    others = [("zip", lambda i: f"0{1000 + i}"), ("row id", str), ("city", lambda i: ("Bonn", "bonn", "Ulm")[i % 3])]
    ds = data.from_csv(write(tmp_path, ["7"] * 30, others=others), target="y")
    for words in ("'v' holds '7' in every row", "'zip' has codes with leading zeros", "'row id' looks like an identifier"):
        assert any(words in note for note in ds.notes), words
    assert any("'Bonn' and 'bonn' differ in capitals" in note for note in ds.notes)
    assert {"zip_01000", "zip_01029"} & set(data.from_csv(tmp_path / "t.csv", target="y", categories=["zip"]).train.features)


def test_numbers_may_be_called_categories(tmp_path):
    ds = data.from_csv(write(tmp_path, [("01", "02", "3+")[i % 3] for i in range(30)]), target="y", categories="v")
    assert ds.train.features == ("v_01", "v_02", "v_3+")


NOTHING = ["", "NA", "N/A", "?", "#N/A", "None", "null", "NaN", "nan", "n.a.", "<NA>", "-", ".", "missing", "--"]


@pytest.mark.parametrize("nothing", NOTHING)
def test_every_spelling_of_nothing_among_numbers_is_refused_or_dropped(tmp_path, nothing):
    path = write(tmp_path, [nothing if i == 4 else str(i) for i in range(30)], others=[("w", str)])
    with pytest.raises(ValueError, match=r"row 6: column 'v' is empty \(1 such row\(s\)\); .*missing='drop'"):
        data.from_csv(path, target="y")
    ds = data.from_csv(path, target="y", missing="drop")
    np.testing.assert_array_equal(whole(ds, "w"), [i for i in range(30) if i != 4])
    assert "1 row without a value in column 'v' left out" in ds.notes


def test_missing_targets_and_groups_are_refused_or_dropped(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{i},{'' if i == 3 else 'fm'[i % 2]},{'NA' if i in (5, 7) else 'ab'[i % 2]}" for i in range(30)]
    path.write_text("\n".join(["v,sex,y", *rows]))
    with pytest.raises(ValueError, match=r"row 7: column 'y' is empty \(2 such"):
        data.from_csv(path, target="y", groups=["sex"])
    ds = data.from_csv(path, target="y", groups="sex", missing="drop")
    np.testing.assert_array_equal(whole(ds), [i for i in range(30) if i not in (3, 5, 7)])
    assert {"1 row without a value in column 'sex' left out", "2 rows without a value in column 'y' left out"} <= set(ds.notes)


def test_missing_texts_are_one_category(tmp_path):
    ds = data.from_csv(write(tmp_path, [("NA", "", "x", "y")[i % 4] for i in range(40)], others=[("w", str)]), target="y")
    assert ds.train.features == ("v_", "v_x", "v_y", "w")
    assert any("column 'v' is empty in 20 rows: a category of its own" in note for note in ds.notes)


def test_signs_are_classes_though_they_are_nothing_among_numbers(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("v,y\n" + "".join(f"{i},{'+-'[i % 2]}\n" for i in range(30)))
    assert data.from_csv(path, target="y").classes == ("+", "-")


@pytest.mark.parametrize("value", ["inf", "-Infinity", "1e300"])
def test_infinite_numbers_are_named_by_row(tmp_path, value):
    with pytest.raises(ValueError, match=rf"row 5: column 'v' holds '{value}', infinite in 32 bits"):
        data.from_csv(write(tmp_path, [value if i == 3 else str(i) for i in range(30)]), target="y")


def test_flags_are_two_categories_however_written(tmp_path):
    path = write(tmp_path, [("True", "FALSE", "true", "")[i % 4] for i in range(40)])
    ds = data.from_csv(path, target="y")
    assert ds.train.features == ("v_", "v_FALSE", "v_True")
    write(tmp_path, [("TRUE", "false", "tRUE", "NA")[i % 4] for i in range(40)])
    again = data.from_csv(path, like=ds)
    for part, split in ds.splits.items():
        np.testing.assert_array_equal(again.splits[part].x, split.x)


def test_a_few_rows_with_texts_of_their_own_are_left_out(tmp_path):
    ds = data.from_csv(write(tmp_path, [f"name {i}" for i in range(15)], others=[("w", str)]), target="y")
    assert ds.train.features == ("w",)


def test_two_features_of_one_name_are_refused(tmp_path):
    path = write(tmp_path, ["x", "z"] * 15, others=[("v_x", str)])
    with pytest.raises(ValueError, match=r"would both be the feature .v_x.; rename one of the columns"):
        data.from_csv(path, target="y")


@pytest.mark.parametrize(("ending", "half_past_eight"), [("", 8.5), (":36", 8.51)])
def test_clock_times_alone_become_hours(tmp_path, ending, half_past_eight):
    path = write(tmp_path, [f"{hour:02}:30{ending}" for hour in range(24)])
    ds = data.from_csv(path, target="y")
    np.testing.assert_allclose(whole(ds), np.arange(24) + half_past_eight - 8, rtol=1e-6)
    assert any("clock times became hours (00:30" in note for note in ds.train.notes)
