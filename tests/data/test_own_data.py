"""Folders, tables and arrays: what loads, and what error messages name."""

import gzip
import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from labkit import data

GOOD = "age,city,sex,died\n" + "".join(f"{20 + i},{'Bonn' if i % 3 else 'Köln'},{'fm'[i % 2]},{i % 2}\n" for i in range(30))


def write(tmp_path, text, name="t.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def test_csv_becomes_features_labels_and_groups(tmp_path):
    ds = data.from_csv(write(tmp_path, GOOD), target="died", groups=["sex"])
    assert ds.classes == ("0", "1")
    assert ds.train.features == ("age", "city_Bonn", "city_Köln")
    frame = pd.concat(
        [pd.DataFrame(s.x, columns=s.features).assign(died=s.labels, sex=s.groups["sex"]) for s in ds.splits.values()]
    )
    frame = frame.sort_values("age").reset_index(drop=True)
    assert list(frame["age"]) == [20.0 + i for i in range(30)]
    assert list(frame["died"]) == [i % 2 for i in range(30)]
    assert list(frame["sex"]) == ["fm"[i % 2] for i in range(30)]
    assert list(frame["city_Köln"]) == [float(i % 3 == 0) for i in range(30)]


def test_csv_may_be_compressed_and_latin1(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(GOOD.encode("latin-1")))
    assert "city_Köln" in data.from_csv(path, target="died", encoding="latin-1").train.features


def test_numeric_classes_sort_by_value(tmp_path):
    text = "x,y\n" + "".join(f"{i},{(2, 10, 9)[i % 3]}\n" for i in range(30))
    assert data.from_csv(write(tmp_path, text), target="y").classes == ("2", "9", "10")


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (GOOD.replace("25,Bonn,m,1", "25,Bonn,m,"), {}, ["row 7", "'died'"]),
        (GOOD.replace("25,Bonn", "n/a,Bonn"), {}, ["row 7", "'age'"]),
        (GOOD.replace("25,Bonn", "old,Bonn"), {}, ["row 7", "'age'", "'old'"]),
        (GOOD.replace("25,Bonn,m", "25,Bonn,"), {"groups": ["sex"]}, ["row 7", "'sex'"]),
        (GOOD.replace("age,city", "age,age"), {}, ["row 1", "'age'", "2 times"]),
        (GOOD.replace("25,Bonn,m,1", "25,Bonn,m,1,9"), {}, ["7"]),
        (GOOD, {"target": "dead"}, ["'dead'", "did you mean 'died'"]),
        (GOOD, {"groups": ["died"]}, ["'died'", "both target and group"]),
        ("x,y\n", {"target": "y"}, ["no rows"]),
        ("", {"target": "y"}, ["cannot be read"]),
        ("x,y\n1,a\n2,a\n", {"target": "y"}, ["holds only 'a'"]),
        ("y\na\nb\n", {"target": "y"}, ["no feature columns"]),
    ],
)
def test_csv_errors_name_file_row_and_column(tmp_path, text, options, words):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=r"t\.csv") as caught:
        data.from_csv(path, **{"target": "died", **options})
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_csv_in_another_encoding_names_the_row(tmp_path):
    path = write(tmp_path, GOOD, encoding="latin-1")
    with pytest.raises(ValueError, match=r"t\.csv, row 2.*0xf6.*encoding="):
        data.from_csv(path, target="died")


def test_image_folder_is_read_and_split(image_folder):
    ds = data.load(image_folder)
    assert ds.classes == ("cat", "dog")
    assert [len(s) for s in ds.splits.values()] == [12, 4, 4]
    for split in ds.splits.values():
        assert split.images.shape[1:] == (1, 8, 8)
        np.testing.assert_array_equal(split.images[:, 0, 0, 0] // 100, split.labels)


def test_image_folder_with_parts_keeps_them(tmp_path, image_folder):
    for part in ("train", "val", "test"):
        (tmp_path / "parts" / part).parent.mkdir(exist_ok=True)
        (tmp_path / "parts" / part).symlink_to(image_folder)
    ds = data.load(tmp_path / "parts")
    assert [len(s) for s in ds.splits.values()] == [20, 20, 20]


def test_image_folder_errors(image_folder):
    (image_folder / "cat" / "broken.png").write_bytes(b"not an image")
    with pytest.raises(ValueError, match=r"broken\.png cannot be read"):
        data.load(image_folder)
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(image_folder / "cat" / "broken.png")
    with pytest.raises(ValueError, match=r"6x4 pixels.*8x8.*size="):
        data.load(image_folder)
    assert data.load(image_folder, size=5).train.images.shape[1:] == (1, 5, 5)


def test_unknown_name_suggests_similar_ones_and_csv_path_names_from_csv():
    with pytest.raises(ValueError, match="did you mean 'fashion_mnist'"):
        data.load("fashion-mnist")
    with pytest.raises(ValueError, match=r"from_csv\('x\.csv'"):
        data.load("x.csv")


def test_cifar_says_what_to_download(tmp_path):
    with pytest.raises(ValueError, match=r"cifar-10-python\.tar\.gz \(170 MB\)"):
        data.load("cifar10", root=tmp_path)


def test_cifar_reads_torchvisions_files(tmp_path, monkeypatch):
    from torchvision import datasets

    # skips the checksum of the original files; these have the same format with 20 images per batch
    monkeypatch.setattr(datasets.CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr(datasets.cifar, "check_integrity", lambda *_: True)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for i, name in enumerate([f"data_batch_{b}" for b in range(1, 6)] + ["test_batch"]):
        pixels = np.arange(20 * 3072).reshape(20, 3072) % 251 + i
        (folder / name).write_bytes(pickle.dumps({"data": pixels.astype(np.uint8), "labels": [k % 10 for k in range(20)]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {k}" for k in range(10)]}))
    ds = data.load("cifar10", root=tmp_path)
    assert [len(s) for s in ds.splits.values()] == [90, 10, 20]
    assert ds.classes[3] == "class 3"
    # the official layout: 1024 red, 1024 green, 1024 blue values, rows first
    assert ds.test.images[2, 1, 0, 5] == (2 * 3072 + 1024 + 5) % 251 + 5


@pytest.mark.parametrize(
    ("examples", "labels", "options", "error", "words"),
    [
        (np.zeros((4, 3)), [0, 1, 0, 9], {"classes": ["a", "b"]}, ValueError, "row 3: label 9"),
        (np.zeros((4, 3)), [0, -1, 0, 1], {}, ValueError, "row 1: label -1"),
        (np.zeros((4, 3)), [0, 1, 0], {}, ValueError, "one label per example"),
        (np.zeros((4, 3)), [0.5, 1, 0, 1], {}, TypeError, "integer class indices"),
        (np.array([[1, np.nan]] * 4), [0, 1, 0, 1], {"features": ["a", "b"]}, ValueError, "row 0: feature 'b' is nan"),
        (np.zeros((4, 3)), [0, 1, 0, 1], {"features": ["a"]}, ValueError, "3 columns but 1"),
        (np.zeros((4, 5, 5)), [0, 1, 0, 1], {}, TypeError, "uint8"),
        (np.zeros((4, 5, 5, 1, 1), np.uint8), [0, 1, 0, 1], {}, ValueError, "shape"),
        (np.zeros((0, 3)), np.zeros(0, int), {}, ValueError, "no examples"),
        (np.zeros((4, 3)), [0, 1, 0, 1], {"groups": pd.DataFrame({"g": [1, 2]})}, ValueError, "2 rows of groups"),
        (np.zeros((4, 3)), [0, 1, 0, 1], {"groups": pd.DataFrame({"g": [1, None, 1, 1]})}, ValueError, "row 1: group column 'g'"),
        (np.array([["a"]], object), [0], {}, TypeError, "object"),
    ],
)
def test_array_errors(examples, labels, options, error, words):
    with pytest.raises(error, match=words):
        data.from_arrays(examples, np.array(labels), **options)


def test_npz_is_not_unpickled(tmp_path):
    from labkit.data.images import _read_npz

    np.savez(tmp_path / "evil.npz", x_train=np.array([{"a": 1}], object))
    with pytest.raises(ValueError, match=r"evil\.npz is damaged"):
        _read_npz(tmp_path / "evil.npz", ("x_train",))
    whole = (tmp_path / "evil.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut\.npz is damaged"):
        _read_npz(tmp_path / "cut.npz", ("x_train",))


def test_picture_grid_shows_the_examples(tmp_path, image_folder):
    ds = data.load(image_folder)
    path = data.picture_grid(ds.test, tmp_path / "grid.png", per_class=2, zoom=1)
    pixels = np.asarray(Image.open(path))
    assert pixels.shape == (2 * 12, 110 + 2 * 12, 3)
    first_dog = ds.test.images[ds.test.labels == 1][0, 0]
    np.testing.assert_array_equal(pixels[14:22, 110:118, 0], first_dog)
    with pytest.raises(ValueError, match="suffix"):
        data.picture_grid(ds.test, tmp_path / "grid.txt")
