"""Cells that are easily read as something else: each with the value that the writer meant."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from labkit import data


def written(path, header, rows):
    path.write_text(header + "\n" + "\n".join(rows) + "\n")
    return path


def labelled(values):
    return [f"{value},{'ab'[i % 2]}" for i, value in enumerate(values)]


def test_flags_in_mixed_capitals_are_one_column_also_where_train_has_one_of_them(tmp_path):
    path = written(tmp_path / "f.csv", "smoker,y", labelled(["Yes"] * 30 + ["yes"] * 30 + ["no"]))
    found = data.from_csv(path, target="y")
    yes = np.concatenate([split.x[:, list(split.features).index("smoker_Yes")] for split in found.splits.values()])
    assert yes.sum() == 60


def test_a_second_file_must_carry_the_mark_of_the_first(tmp_path):
    first = data.from_csv(written(tmp_path / "a.csv", "v,y", labelled(f"{5 + i % 7} %" for i in range(60))), target="y")
    bare = written(tmp_path / "b.csv", "v,y", labelled(f"0.0{5 + i % 5}" for i in range(60)))
    with pytest.raises(ValueError, match="without the mark that the numbers of the first file have"):
        data.from_csv(bare, like=first)


def test_two_marks_in_one_column_are_no_numbers(tmp_path):
    for cells in (["5 %", "5 ‰", "12 %", "9 ‰"], ["5 USD", "5 EUR", "7 EUR", "8 USD"]):
        path = written(tmp_path / "m.csv", "v,x,y", [f"{cells[i % 4]},{i},{'ab'[i % 3 % 2]}" for i in range(60)])
        assert "v" not in data.from_csv(path, target="y").train.features


def test_addresses_are_no_thousands(tmp_path):
    cells = [f"192.168.100.{200 + i % 4}" for i in range(60)]
    path = written(tmp_path / "ip.csv", "ip,y", [f"{cell},{'ab'[i % 3 % 2]}" for i, cell in enumerate(cells)])
    assert "ip_192.168.100.200" in data.from_csv(path, target="y").train.features


def test_numbers_that_become_equal_in_32_bits_are_said(tmp_path):
    path = written(tmp_path / "tel.csv", "tel,y", labelled(491700000000 + i for i in range(60)))
    assert any("60 different numbers become" in note for note in data.from_csv(path, target="y").train.notes)


def test_long_identifiers_stay_apart(tmp_path):
    ids = ["12345678901234567890", "12345678901234567891", "100", "1E2"]
    path = written(tmp_path / "g.csv", "g,x,y", [f"{ids[i % 4]},{i},{'ab'[i % 3 % 2]}" for i in range(80)])
    found = data.from_csv(path, target="y", groups=["g"])
    assert set(found.train.groups["g"]) == set(ids)


def test_what_an_encoder_holds_is_not_said_again(tmp_path):
    path = written(tmp_path / "a.csv", "v,z,y", [f"{i},{'pq'[i % 2]},{'ab'[i % 3 % 2]}" for i in range(60)])
    first = data.from_csv(path, target="y", favourable="a")
    for given in ({"decimal": ","}, {"drop": ["v"]}, {"groups_as_features": True}):
        with pytest.raises(ValueError, match="cannot be given together with like="):
            data.from_csv(path, like=first, **given)
    with pytest.raises(ValueError, match="cannot be the target"):
        data.from_csv(path, like=first, target="z")
    assert data.from_csv(path, like=first.encoder).favourable == "a"
    assert data.from_csv(path, like=data.Encoder.from_json(first.encoder.to_json())).favourable == "a"


def test_a_class_called_none_is_a_class(tmp_path):
    path = written(tmp_path / "n.csv", "x,y", [f"{i},{['none', 'mild', 'severe'][i % 3]}" for i in range(90)])
    found = data.from_csv(path, target="y")
    assert found.classes == ("mild", "none", "severe")
    assert any("value of its own" in note for note in found.train.notes)


def test_cropped_pictures_are_counted(tmp_path):
    for label in "ab":
        (tmp_path / "p" / label).mkdir(parents=True)
        for i in range(10):
            size = (160, 16) if i == 0 else (16, 16)
            Image.fromarray(np.full(size[::-1], 9 * i + (label == "b"), np.uint8)).save(tmp_path / "p" / label / f"{i}.png")
    notes = data.image_folder(tmp_path / "p", size=16).train.notes
    assert any(note.startswith("2 pictures cropped to a square") for note in notes)


def test_columns_of_get_dummies_name_the_classes():
    y = pd.Series(["no", "yes"] * 30)
    assert data.from_arrays(np.random.default_rng(0).normal(size=(60, 2)), pd.get_dummies(y)).classes == ("no", "yes")
