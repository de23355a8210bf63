"""Files that are damaged, huge, or none at all end in one sentence, and in little memory."""

import bz2
import gzip
import io
import lzma
import os
import socket
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from labkit import data
from labkit.data import limits, reading

TABLE = b"name,age,y\n" + b"".join(b"n%d,%d,%s\n" % (i % 3, i, b"no" if i % 2 else b"yes") for i in range(200))


def packed(ending: str, content: bytes = TABLE) -> bytes:
    """A file with this content, packed as its ending says."""
    buffer = io.BytesIO()
    if ".tar" in ending:
        with tarfile.open(fileobj=buffer, mode="w" + ending.removeprefix(".tar").replace(".", ":")) as archive:
            member = tarfile.TarInfo("t.csv")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        return buffer.getvalue()
    if ending.startswith(".zip"):
        kind = {".zip": zipfile.ZIP_DEFLATED, ".zip bz2": zipfile.ZIP_BZIP2, ".zip lzma": zipfile.ZIP_LZMA}[ending]
        with zipfile.ZipFile(buffer, "w", kind) as archive:
            archive.writestr("t.csv", content)
        return buffer.getvalue()
    return {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, "": bytes}[ending](content)


ENDINGS = (".gz", ".bz2", ".xz", ".zip", ".zip bz2", ".zip lzma", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz")


def refusal(call) -> str:
    """The sentence in which labkit refuses."""
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert type(caught.value) in (ValueError, TypeError)
    assert "/labkit/" in str(caught.traceback[-1].path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 2_500
    return str(caught.value)


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_archive_is_read_and_every_damaged_one_refused_with_its_path(tmp_path, ending):
    path = tmp_path / f"t.csv{ending.split()[0]}"
    whole = packed(ending)
    path.write_bytes(whole)
    assert len(data.from_csv(path, target="y").train) == 120
    generator = np.random.default_rng(0)
    for _ in range(25):
        broken = bytearray(whole)
        place = int(generator.integers(len(broken)))
        if generator.random() < 0.3:
            del broken[place:]
        else:
            broken[place : place + 4] = generator.bytes(4)
        path.write_bytes(broken)
        defects = data.csv_defects(path, target="y")  # none where only spare bytes of the archive were hit
        assert all(str(path) in defect and "\n" not in defect for defect in defects)


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_archive_is_unpacked_beyond_the_limit(tmp_path, ending, monkeypatch):
    monkeypatch.setattr(reading, "MIN_TEXT", 100_000)
    path = tmp_path / f"t.csv{ending.split()[0]}"
    path.write_bytes(packed(ending, b"a,y\n" + b"1,1\n" * (500_000 if ending != ".tar" else 5_000_000)))
    monkeypatch.setattr(reading, "MAX_TEXT", 1_000_000)
    content = path.read_bytes()
    held = []
    monkeypatch.setattr(reading, "_all", counted(reading._all, held))
    with pytest.raises(ValueError, match="MB, the most that is read"):
        reading.read_bytes(path, "a CSV file", limit=max(1_000_000, len(content) if ending != ".tar" else 0))
    assert sum(held) < 2_500_000


def counted(read, held):
    """The same function, which notes how many bytes came back."""

    def wrapped(*args, **kwargs):
        content = read(*args, **kwargs)
        held.append(len(content))
        return content

    return wrapped


def special_files(folder, ending):
    """Things that are no regular files, by what they are called in messages."""
    os.mkfifo(folder / f"pipe{ending}")
    os.symlink("/dev/zero", folder / f"device{ending}")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(folder / f"s{ending}"))
    return {"a named pipe": f"pipe{ending}", "a device": f"device{ending}", "a socket": f"s{ending}"}


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".csv.zip"])
def test_pipes_devices_and_sockets_are_not_opened_as_tables(tmp_path, ending, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket is at most 108 characters
    for what, name in special_files(tmp_path.relative_to(tmp_path), ending).items():
        assert what in refusal(lambda name=name: data.from_csv(name, target="y"))
        assert data.column_names(name) == ()
        assert what in data.csv_defects(name, target="y")[0]


def folder_of_pictures(root, *folders):
    generator = np.random.default_rng(0)
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for i in range(6):
            Image.fromarray(generator.integers(0, 255, (6, 6), dtype=np.uint8)).save(root / folder / f"{i}.png")
    return root


def test_pipes_devices_and_sockets_are_not_opened_as_pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(folder_of_pictures(tmp_path / "d", "cat", "dog"))
    for what, name in special_files(tmp_path.relative_to(tmp_path) / "cat", "").items():
        assert len(data.image_folder("../d").train)
        assert any(what in note for note in data.image_folder("../d").notes), what
        os.rename(f"cat/{name}", f"cat/{name}.png")
        assert what in refusal(lambda: data.image_folder("../d"))
        os.unlink(f"cat/{name}.png")


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (["test/cat", "cat"], "has test but no train folder"),
        (["val/cat", "dog"], "has val but no train folder"),
        (["Testing/cat", "Testing/dog"], "has Testing but no train folder"),
        (["test_set/a", "dog"], "has test_set but no train folder"),
        (["cat/train", "cat/test", "dog/train"], "has the parts within the classes"),
    ],
)
def test_a_part_without_train_is_no_class(tmp_path, folders, words):
    assert words in refusal(lambda: data.image_folder(folder_of_pictures(tmp_path / "d", *folders)))


@pytest.mark.parametrize("folders", [["train/cat", "train/dog"], ["train/cat", "train/dog", "val/cat"], ["cat", "dog"]])
def test_folders_with_train_or_without_parts_load(tmp_path, folders):
    assert data.image_folder(folder_of_pictures(tmp_path / "d", *folders)).classes == ("cat", "dog")


@pytest.mark.parametrize("size", [20_000, limits.MAX_SIDE + 1, 0, 1.5, float("inf"), float("nan"), "32", [3], 10**400])
def test_sizes_that_no_picture_should_have_are_refused(tmp_path, size):
    folder_of_pictures(tmp_path / "d", "cat", "dog")
    assert "at most 4,096" in refusal(lambda: data.image_folder(tmp_path / "d", size=size))


def test_pictures_are_refused_by_their_size_before_they_are_held(tmp_path, monkeypatch):
    folder_of_pictures(tmp_path / "d", "cat", "dog")
    monkeypatch.setattr(limits, "MAX_BYTES", 100)
    monkeypatch.setattr(limits.refuse_bytes, "__kwdefaults__", {"limit": 100})
    assert "12 pictures of 6 x 6 pixels take" in refusal(lambda: data.image_folder(tmp_path / "d"))


@pytest.mark.parametrize("colour", [0, 255, 128])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_shape_that_is_in_transparency_alone_is_seen_and_said(tmp_path, colour, mode):
    shape = np.zeros((6, 6), np.uint8)
    shape[1:4, 1:4] = 255
    folder_of_pictures(tmp_path / "d", "cat", "dog")
    if mode == "P":
        picture = Image.fromarray(shape // 255).convert("P")
        picture.putpalette([colour] * 6)
        picture.save(tmp_path / "d" / "cat" / "0.png", transparency=0)
    else:
        pixels = np.dstack([np.full((6, 6, 3), colour, np.uint8), shape])
        Image.fromarray(pixels).convert(mode).save(tmp_path / "d" / "cat" / "0.png")
    pictures = data.image_folder(tmp_path / "d")
    background = "black" if colour == 255 else "white"
    assert any("transparency" in note and f"over {background}" in note for note in pictures.notes)
    wanted = np.where(shape, colour, 0 if colour == 255 else 255)
    every = np.concatenate([split.images for split in pictures.splits.values()])
    assert (every == wanted).all(axis=(1, 2, 3)).sum() == 1


def test_a_picture_that_is_clear_everywhere_is_said(tmp_path):
    folder_of_pictures(tmp_path / "d", "cat", "dog")
    Image.new("RGBA", (6, 6), (9, 9, 9, 0)).save(tmp_path / "d" / "cat" / "0.png")
    assert any("of one colour everywhere" in note for note in data.image_folder(tmp_path / "d").notes)


def test_names_that_are_not_utf8(tmp_path):
    folder_of_pictures(tmp_path / "d", "cat", "dog")
    bad = os.fsencode(tmp_path / "d" / "cat") + b"/\xff.png"
    with open(bad, "wb") as file:
        file.write(b"x")
    assert r"\xff.png cannot be read" in refusal(lambda: data.image_folder(tmp_path / "d"))
    os.rename(bad, os.fsencode(tmp_path / "d" / "cat") + b"/\xff.txt")
    for note in data.image_folder(tmp_path / "d").notes:
        note.encode()
    os.rename(os.fsencode(tmp_path / "d" / "cat"), os.fsencode(tmp_path / "d") + b"/c\xff")
    assert r"the class folder c\xff is not UTF-8" in refusal(lambda: data.image_folder(tmp_path / "d"))
    table = os.fsencode(tmp_path) + b"/t\xff.csv"
    with open(table, "wb") as file:
        file.write(TABLE)
    assert data.from_csv(os.fsdecode(table), target="y").name == r"t\xff"
    refusal(lambda: data.from_csv(os.fsdecode(table), target="z")).encode()
    (tmp_path / "h.csv").write_bytes(TABLE.replace(b"name", b"n\xff"))
    assert "byte 0xff is not utf-8" in refusal(lambda: data.from_csv(tmp_path / "h.csv", target="y"))


@pytest.mark.parametrize("name", ["german", "adult"])
def test_a_damaged_table_of_labkit_itself_is_refused(tmp_path, monkeypatch, name):
    from labkit.data import tables

    monkeypatch.setattr(tables, "BUNDLED", tmp_path)
    assert "reinstall labkit" in refusal(lambda: data.load(name))
    (tmp_path / tables.TABLES[name].file).write_bytes(gzip.compress(TABLE)[:-30])
    assert "reinstall labkit" in refusal(lambda: data.load(name))
