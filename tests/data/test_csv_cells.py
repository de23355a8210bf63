"""CSV files as programs write them: separators, encodings, blank and nameless columns, headers; one sentence for the rest."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit import data
from labkit.data.cells import found_separator

FRAME = pd.DataFrame(
    {
        "age": [20.5 + i for i in range(30)],
        "city": [("Köln", "Ulm; Bonn", "x|y, z")[i % 3] for i in range(30)],
        "note": [('say "hi"', "two\nlines", "")[i % 3] for i in range(30)],
        "died": ["no", "yes"] * 15,
    }
)


def same(a, b):
    assert a.classes == b.classes
    assert a.train.features == b.train.features
    for part in a.splits:
        np.testing.assert_array_equal(a.splits[part].x, b.splits[part].x)
        np.testing.assert_array_equal(a.splits[part].labels, b.splits[part].labels)


@pytest.fixture
def plain(tmp_path):
    FRAME.to_csv(tmp_path / "plain.csv", index=False)
    return data.from_csv(tmp_path / "plain.csv", target="died")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["csv", "tsv", "txt"])
def test_the_separator_is_found(tmp_path, plain, separator, ending):
    path = tmp_path / f"t.{ending}"
    FRAME.to_csv(path, index=False, sep=separator)
    same(data.from_csv(path, target="died"), plain)
    same(data.from_csv(path, target="died", separator=separator), plain)


def test_another_separator_may_be_given(tmp_path, plain):
    FRAME.to_csv(tmp_path / "t.csv", index=False, sep="~")
    same(data.from_csv(tmp_path / "t.csv", target="died", separator="~"), plain)
    with pytest.raises(ValueError, match="separator must be one character"):
        data.from_csv(tmp_path / "t.csv", target="died", separator=", ")


@given(
    st.sampled_from([",", ";", "\t", "|"]),
    st.integers(2, 6),
    st.lists(st.text("ab1 ,;|\t\"'.\n", max_size=6), min_size=6, max_size=40),
)
def test_quoted_cells_do_not_mislead_the_search(separator, width, cells):
    rows = [cells[i : i + width] for i in range(0, len(cells) - width + 1, width)]
    frame = pd.DataFrame([*rows, ["x"] * width], columns=[f"column {i}" for i in range(width)])
    assert found_separator(frame.to_csv(index=False, sep=separator)) == separator


def test_semicolons_with_decimal_commas(tmp_path, plain):
    FRAME.to_csv(tmp_path / "t.csv", index=False, sep=";", decimal=",")
    same(data.from_csv(tmp_path / "t.csv", target="died"), plain)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_encodings_that_name_themselves(tmp_path, plain, encoding):
    FRAME.to_csv(tmp_path / "t.csv", index=False, encoding=encoding)
    same(data.from_csv(tmp_path / "t.csv", target="died"), plain)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le"])
def test_other_encodings_are_asked_for(tmp_path, plain, encoding):
    FRAME.to_csv(tmp_path / "t.csv", index=False, encoding=encoding)
    with pytest.raises(ValueError, match=r"t\.csv.*encoding="):
        data.from_csv(tmp_path / "t.csv", target="died")
    same(data.from_csv(tmp_path / "t.csv", target="died", encoding=encoding), plain)


@pytest.mark.parametrize("compression", ["gzip", "bz2", "xz", "zip"])
def test_compressed_files(tmp_path, plain, compression):
    ending = {"gzip": "gz", "bz2": "bz2", "xz": "xz", "zip": "zip"}[compression]
    path = tmp_path / f"t.csv.{ending}"
    FRAME.to_csv(path, index=False, compression=compression)
    same(data.from_csv(path, target="died"), plain)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match=r"t\.csv\..* cannot be read as CSV"):
        data.from_csv(path, target="died")


def test_line_ends_of_windows_and_the_first_line_of_excel(tmp_path, plain):
    text = FRAME.to_csv(index=False, sep=";", lineterminator="\r\n")
    (tmp_path / "t.csv").write_bytes(b"sep=;\r\n" + text.encode())
    same(data.from_csv(tmp_path / "t.csv", target="died"), plain)


def test_the_index_that_pandas_writes_is_left_out(tmp_path, plain):
    FRAME.to_csv(tmp_path / "t.csv")
    ds = data.from_csv(tmp_path / "t.csv", target="died")
    same(ds, plain)
    assert any("column 1 has no name and numbers the rows: left out" in note for note in ds.notes)
    FRAME.set_index(FRAME["age"] ** 2).to_csv(tmp_path / "t.csv", index_label="")
    with pytest.raises(ValueError, match=r"row 1: column 1 has no name; name or remove it"):
        data.from_csv(tmp_path / "t.csv", target="died")


def test_blank_rows_and_columns_are_counted(tmp_path, plain):
    lines = FRAME.drop(columns="note").to_csv(index=False).splitlines()
    lines = [f"{line},," for line in lines]
    text = "\n".join([*lines[:9], ",,,,", *lines[9:], ",,,,", "", ""])
    (tmp_path / "t.csv").write_text(text)
    ds = data.from_csv(tmp_path / "t.csv", target="died")
    assert sum(map(len, ds.splits.values())) == 30
    assert "2 blank columns skipped" in ds.notes
    assert any(note in ds.notes for note in ("3 blank rows skipped", "4 blank rows skipped"))
    broken = text.replace("30.5,", "old,")
    (tmp_path / "t.csv").write_text(broken)
    row = broken.splitlines().index(next(line for line in broken.splitlines() if line.startswith("old"))) + 1
    with pytest.raises(ValueError, match=rf"row {row}: column 'age' holds 'old' among numbers"):
        data.from_csv(tmp_path / "t.csv", target="died")


def test_names_may_have_spaces_around(tmp_path, plain):
    text = FRAME.to_csv(index=False).replace("age,city,note,died", " age , city,note ,died ")
    (tmp_path / "t.csv").write_text(text)
    same(data.from_csv(tmp_path / "t.csv", target=" died"), plain)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04rest", "it is an Excel workbook or a zip archive; save it as CSV"),
        (b"PAR1rest", "it is a Parquet file"),
        (b"a,y\n1,b\x00\n", "NUL characters"),
        (b"", "cannot be read as CSV"),
        (b"\n\n", "cannot be read as CSV"),
        (b"1,2,3\n4,5,6\n", "row 1 holds numbers .* add a header row"),
        (b"0,0,a\n1,2,b\n", "row 1 holds numbers .* add a header row"),
        (b"a y\n1 b\n2 c\n", "if its cells are divided by another character, give separator="),
        (b"a,y\n1,b\n2\n3,c\n", r"row 3 has 1 cell, the header 2"),
        (b'a,y\n1,"b\n2,c\n', "cannot be read as CSV"),
        (b"a;y\n1;b\n", r"unknown column of .*'target'"),
    ],
)
def test_what_is_no_table_is_said_in_one_sentence(tmp_path, content, words):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        data.from_csv(path, target="target")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_and_missing_files_are_said(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder; give the path of a CSV file"):
        data.from_csv(tmp_path, target="y")
    with pytest.raises(ValueError, match="does not exist"):
        data.from_csv(tmp_path / "none.csv", target="y")
    with pytest.raises(ValueError, match="say which column is to be predicted with target="):
        data.from_csv(tmp_path / "none.csv")


@pytest.mark.parametrize("bad", [{"missing": "ignore"}, {"max_categories": 1}, {"like": 3}])
def test_options_that_are_none(tmp_path, plain, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        data.from_csv(tmp_path / "plain.csv", target="died", **bad)
