"""A second file is encoded like the first; categories are those of the training rows."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder

from labkit import data


def table(rows, seed, cities="ABCDE"):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows),
            "city": rng.choice(list(cities), rows),
            "pay": [f"${value:,}" for value in rng.integers(1000, 90_000, rows)],
            "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D"),
            "sex": rng.choice(["f", "m"], rows),
            "who": [f"person {seed} {i}" for i in range(rows)],
            "y": np.where(np.arange(rows) % 2 == 0, "no", "yes"),
        }
    )


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    path = tmp_path_factory.mktemp("like") / "first.csv"
    table(200, 0).to_csv(path, index=False)
    return path, data.from_csv(path, target="y", groups=["sex"], favourable="yes")


@given(st.permutations(range(7)), st.integers(0, 100))
def test_another_order_of_columns_gives_the_same_matrix(first, order, seed):
    path, ds = first
    frame = pd.read_csv(path, dtype=str)
    other = path.with_name("other.csv")
    frame.iloc[:, order].to_csv(other, index=False, sep=";")
    again = data.from_csv(other, like=ds, seed=0)
    for part, split in ds.splits.items():
        np.testing.assert_array_equal(again.splits[part].x, split.x)
        np.testing.assert_array_equal(again.splits[part].labels, split.labels)
        assert again.splits[part].groups.equals(split.groups)
    assert again.train.features == ds.train.features


@given(st.integers(0, 10_000), st.sampled_from(["ABCDE", "AB", "AXYZ", "EDCBAQ"]))
def test_categories_are_encoded_as_by_scikit_learn(first, seed, cities):
    path, ds = first
    other = path.with_name(f"{seed % 3}.csv")
    frame = table(40, seed, cities)
    frame.to_csv(other, index=False)
    again = data.from_csv(other, like=ds.encoder)
    train = pd.read_csv(path, dtype=str)
    peer = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(train[["city"]])
    expected = pd.DataFrame(peer.transform(frame[["city"]]), columns=[f"city_{name}" for name in peer.categories_[0]])
    expected["age"] = frame["age"]
    found = pd.concat([pd.DataFrame(split.x, columns=split.features) for split in again.splits.values()])
    order = list(expected.columns)
    np.testing.assert_array_equal(
        found[order].sort_values(order).to_numpy(), expected.astype(np.float32).sort_values(order).to_numpy()
    )
    strange = int(frame["city"].isin(list("XYZQ")).sum())
    assert any(f"{strange} row" in note and "of this file with values that train lacks" in note for note in again.notes) == (
        strange > 0
    )


def test_a_saved_encoder_is_the_same(first):
    path, ds = first
    again = data.Encoder.from_json(json.dumps(json.loads(ds.encoder.to_json())))
    assert again == ds.encoder
    x, unknown = again.encode(pd.read_csv(path, dtype=str), "first")
    assert not unknown
    assert x.shape == (200, len(ds.train.features))
    for text in ("{}", "[]", "no", '{"schema": "labkit.encoder/1"}'):
        with pytest.raises(ValueError, match="no encoder written by"):
            data.Encoder.from_json(text)


def test_missing_extra_and_strange_are_named(first, tmp_path):
    _, ds = first
    path = tmp_path / "second.csv"
    frame = table(40, 1)
    frame.drop(columns=["age", "city"]).to_csv(path, index=False)
    with pytest.raises(ValueError, match="lacks 2 columns that the encoding was made of: 'age', 'city'"):
        data.from_csv(path, like=ds)
    frame.assign(more=1, yet=2).to_csv(path, index=False)
    assert "2 columns that the first file lacks not used: 'more', 'yet'" in data.from_csv(path, like=ds).notes
    frame.assign(y=["no", "yes", "maybe", "no"] * 10).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"row 4: target column 'y' holds 'maybe', which is none of the 2 classes"):
        data.from_csv(path, like=ds)
    frame.assign(age=["old"] * 40).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"row 2: column 'age' holds 'old' among numbers"):
        data.from_csv(path, like=ds)
    frame.assign(age=[""] * 4 + ["5"] * 36).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"row 2: column 'age' is empty \(4 such"):
        data.from_csv(path, like=ds)
    assert "4 rows without a value in column 'age' left out" in data.from_csv(path, like=ds, missing="drop").notes
    frame.drop(columns="sex").to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"unknown column of .*'sex'"):
        data.from_csv(path, like=ds)
    with pytest.raises(ValueError, match="like must be a data set of from_csv"):
        data.from_csv(path, like=data.load("german"))


def test_a_second_file_may_lack_a_class_and_spell_numbers_otherwise(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{i},{i % 3}\n" for i in range(30)))
    ds = data.from_csv(path, target="y")
    path.write_text("x,y\n" + "".join(f"{i}.5,{i % 2}.0\n" for i in range(30)))
    again = data.from_csv(path, like=ds)
    assert again.classes == ("0", "1", "2")
    assert set(again.train.labels) == {0, 1}
    assert any("class '2' has no example" in note for note in again.notes)


def test_no_value_of_the_test_part_makes_a_feature(tmp_path):
    path = tmp_path / "t.csv"
    frame = pd.DataFrame({"x": range(100), "y": ["a", "b"] * 50})
    frame.to_csv(path, index=False)
    held = set(np.concatenate([split.x[:, 0] for part, split in data.from_csv(path, target="y").splits.items() if part != "train"]))
    frame["city"] = ["only here" if i in held else ("u", "v")[i % 3 // 2] for i in range(100)]
    frame.to_csv(path, index=False)
    ds = data.from_csv(path, target="y")
    assert ds.train.features == ("x", "city_u", "city_v")
    assert (ds.test.x[:, 1:] == 0).all()
    assert any("40 rows outside train with values that train lacks ('only here'): encoded as zeros" in note for note in ds.notes)


def test_known_files_are_encoded_as_before(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"n": rng.normal(size=200), "c": rng.choice(list("xyz"), 200), "k": rng.integers(0, 9, 200)})
    frame["y"] = rng.choice(["p", "q"], 200)
    frame.to_csv(tmp_path / "t.csv", index=False)
    ds = data.from_csv(tmp_path / "t.csv", target="y")
    expected = pd.get_dummies(frame.drop(columns="y"), columns=["c"], prefix="c").astype(np.float32)
    expected = expected[["n", "c_x", "c_y", "c_z", "k"]]
    assert ds.train.features == tuple(expected.columns)
    found = np.concatenate([split.x for split in ds.splits.values()])
    order = np.lexsort(found.T[::-1]), np.lexsort(expected.to_numpy().T[::-1])
    np.testing.assert_array_equal(found[order[0]], expected.to_numpy()[order[1]])
