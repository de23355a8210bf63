"""Pictures as people have them: every mode and depth is read as people see it, and nothing is skipped unsaid."""

import io
import os
import shutil
import struct
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from labkit import data
from labkit.data.pictures import Remarks, read_picture

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 8)).astype(np.uint8)
RGB = RNG.integers(0, 256, (6, 8, 3)).astype(np.uint8)
ALPHA = RNG.integers(0, 256, (6, 8)).astype(np.uint8)
DEEP = RNG.integers(0, 65_536, (6, 8)).astype(np.uint16)
DEEP[0, 0] = 65_535


def folder(root, picture, ending, **options):
    """Two classes x 5 copies of one picture; returns its pixels [C, H, W] as read, and the notes."""
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for i in range(5):
            picture.save(root / name / f"{i}.{ending}", **options)
    ds = data.image_folder(root)
    assert all((image == ds.train.images[0]).all() for split in ds.splits.values() for image in split.images)
    return ds.train.images[0].astype(int), ds.notes


def over_white(colour, alpha):
    alpha = alpha.astype(float)[..., None] / 255
    return colour * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize(
    ("dtype", "ending"),
    [("<u2", "png"), ("<u2", "tiff"), (">u2", "tiff"), ("<i4", "tiff"), ("<u2", "pgm"), ("<u2", "TIF")],
)
def test_16_bits_are_scaled_by_their_range(tmp_path, dtype, ending):
    found, notes = folder(tmp_path / "f", Image.fromarray(DEEP.astype(dtype)), ending)
    assert np.abs(found[0] - DEEP / 257).max() <= 0.5 + 1e-9
    assert any("10 pictures of 16 bits" in note or "6 pictures of 16 bits" in note for note in notes)


def test_float_pictures_are_scaled_or_refused_by_name(tmp_path):
    values = RNG.random((6, 8)).astype(np.float32)
    found, notes = folder(tmp_path / "f", Image.fromarray(values), "tiff")
    np.testing.assert_array_equal(found[0], np.rint(values * 255))
    assert any("floating-point values: scaled from 0–1" in note for note in notes)
    for bad in (values * 300, values - 1, np.full((6, 8), np.nan, np.float32)):
        Image.fromarray(bad.astype(np.float32)).save(tmp_path / "f" / "cat" / "bad.tiff")
        with pytest.raises(ValueError, match=r"bad\.tiff holds floating-point values from .* to .*; only 0 to 1 can be scaled"):
            data.image_folder(tmp_path / "f")


def test_wide_integers_and_black_16_bits_are_refused_by_name(tmp_path):
    folder(tmp_path / "f", Image.fromarray(GREY), "png")
    Image.fromarray(np.full((6, 8), 100_000, np.int32)).save(tmp_path / "f" / "cat" / "bad.tiff")
    with pytest.raises(ValueError, match=r"bad\.tiff holds integers from .* to 100,000; only 8 bits or 0 to 65,535"):
        data.image_folder(tmp_path / "f")
    Image.fromarray(GREY.astype(np.uint16)).save(tmp_path / "f" / "cat" / "bad.tiff")
    with pytest.raises(ValueError, match=r"no value above 2.. of 65,535 and would all be black.*bad\.tiff"):
        data.image_folder(tmp_path / "f")


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_print_colours_are_seen_as_rgb(tmp_path, mode):
    picture = Image.fromarray(RGB).convert(mode)
    found, _ = folder(tmp_path / "f", picture, "tiff")
    assert np.abs(found - np.asarray(picture.convert("RGB")).transpose(2, 0, 1)).max() <= 2


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_transparency_lies_over_white(tmp_path, mode):
    if mode == "P":  # one palette entry is transparent
        index = RNG.integers(0, 4, (6, 8)).astype(np.uint8)
        palette = RNG.integers(0, 256, (4, 3)).astype(np.uint8)
        picture = Image.fromarray(index)
        picture.putpalette(palette.tobytes())
        expected = np.where((index == 2)[..., None], 255, palette[index])
        found, notes = folder(tmp_path / "f", picture, "png", transparency=2)
    elif mode == "LA":
        picture = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)])
        expected = over_white(GREY[..., None].astype(float), ALPHA)
        found, notes = folder(tmp_path / "f", picture, "png")
    else:
        picture = Image.fromarray(np.dstack([RGB, ALPHA]))
        if mode == "PA":  # TIFF keeps it
            picture = Image.fromarray(RGB).quantize(8).convert("PA")
            picture.putalpha(Image.fromarray(ALPHA))
            expected = over_white(np.asarray(picture.convert("RGBA"))[..., :3].astype(float), ALPHA)
        else:
            expected = over_white(RGB.astype(float), ALPHA)
        found, notes = folder(tmp_path / "f", picture, "tiff")
    assert found.shape[0] == (1 if mode == "LA" else 3)
    assert np.abs(found - expected.transpose(2, 0, 1)).max() <= 1
    assert any("with transparency: shown over white" in note for note in notes)


def test_an_opaque_alpha_channel_changes_nothing(tmp_path):
    found, notes = folder(tmp_path / "f", Image.fromarray(np.dstack([RGB, np.full((6, 8), 255, np.uint8)])), "png")
    np.testing.assert_array_equal(found, RGB.transpose(2, 0, 1))
    assert not any("transparency" in note for note in notes)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff"])
def test_pictures_stand_as_they_are_shown(tmp_path, orientation, ending):
    tag = Image.Exif()
    tag[0x0112] = orientation
    picture = Image.fromarray(np.kron(RGB, np.ones((8, 8, 1), np.uint8)))
    found, _ = folder(tmp_path / "f", picture, ending, exif=tag)
    with Image.open(tmp_path / "f" / "cat" / f"0.{ending}") as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened).convert("RGB")).transpose(2, 0, 1)
    np.testing.assert_array_equal(found, expected)
    assert found.shape[1:] == ((64, 48) if orientation > 4 else (48, 64))


@pytest.mark.parametrize("ending", ["gif", "tiff", "webp", "png"])
def test_the_first_frame_counts_and_the_others_are_said(tmp_path, ending):
    frames = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (10, 200, 90)]
    options = {"lossless": True} if ending == "webp" else {}
    found, notes = folder(tmp_path / "f", frames[0], ending, save_all=True, append_images=frames[1:], **options)
    assert np.abs(found - 10).max() <= 1
    assert any("of several frames: only the first" in note for note in notes)


@pytest.mark.parametrize("colour_part", ["train", "test"])
def test_one_part_of_colour_makes_all_colour(tmp_path, colour_part):
    for part in ("train", "val", "test"):
        for name in ("cat", "dog"):
            (tmp_path / "f" / part / name).mkdir(parents=True)
            for i in range(3):
                pixels = RNG.integers(0, 256, (6, 8, 3) if part == colour_part else (6, 8)).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "f" / part / name / f"{i}.png")
    ds = data.image_folder(tmp_path / "f")
    assert {split.images.shape for split in ds.splits.values()} == {(6, 3, 6, 8)}
    grey = ds.test if colour_part == "train" else ds.train
    assert (grey.images[:, 0] == grey.images[:, 2]).all()
    assert any("6 grey pictures turned into colour" in note for note in grey.notes)


def test_another_size_in_another_part_names_the_file(tmp_path, image_folder):
    shutil.copytree(image_folder, tmp_path / "f" / "train")
    shutil.copytree(image_folder, tmp_path / "f" / "test")
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / "f" / "test" / "cat" / "00.png")
    with pytest.raises(ValueError, match=r"test.cat.00\.png is 6x4 pixels but 00\.png is 8x8; give size="):
        data.image_folder(tmp_path / "f")


def test_leftovers_are_skipped_and_counted(image_folder):
    wanted = data.image_folder(image_folder)
    for name in ("cat", "dog"):
        shutil.copytree(image_folder / name, image_folder / name / ".ipynb_checkpoints")
        (image_folder / name / "._00.png").write_bytes(b"\0\5\26\7")
        (image_folder / name / "Thumbs.db").write_bytes(b"\xd0\xcf")
        (image_folder / name / ".DS_Store").write_bytes(b"x")
        shutil.copy(image_folder / name / "00.png", image_folder / name / "00.png~")
    shutil.copytree(image_folder / "cat", image_folder / "__MACOSX" / "cat")
    shutil.copytree(image_folder / "cat", image_folder / ".git")
    (image_folder / ".DS_Store").write_bytes(b"x")
    ds = data.image_folder(image_folder)
    assert ds.classes == ("cat", "dog")
    for part, split in ds.splits.items():
        np.testing.assert_array_equal(split.images, wanted.splits[part].images)
    hidden = sum(
        any(p.startswith(".") or p in ("__MACOSX", "Thumbs.db") or p.endswith("~") for p in path.relative_to(image_folder).parts)
        for path in image_folder.rglob("*")
        if path.is_file()
    )
    assert any(note.startswith(f"{hidden} hidden files or leftovers") for note in ds.notes), ds.notes


def test_other_files_are_counted_by_ending_and_pictures_known_by_content(image_folder):
    (image_folder / "cat" / "notes.txt").write_text("nothing to see")
    (image_folder / "cat" / "a.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (image_folder / "dog" / "b.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    (image_folder / "labels.csv").write_text("a,b")
    shutil.move(image_folder / "dog" / "00.png", image_folder / "dog" / "00.PNG")
    shutil.move(image_folder / "dog" / "01.png", image_folder / "dog" / "01")
    shutil.move(image_folder / "dog" / "02.png", image_folder / "dog" / "02.dat")
    ds = data.image_folder(image_folder)
    assert sum(map(len, ds.splits.values())) == 20
    assert any("4 files with endings .heic, " in note and ".txt" in note and ".csv beside the class" in note for note in ds.notes)
    assert any("2 pictures without a known ending" in note for note in ds.notes)


def test_an_empty_class_and_equal_pictures_are_said(image_folder):
    (image_folder / "bird").mkdir()
    for i in range(10):
        shutil.copy(image_folder / "cat" / f"{i:02d}.png", image_folder / "cat" / f"copy{i}.png")
    shutil.copy(image_folder / "cat" / "00.png", image_folder / "dog" / "stray.png")
    ds = data.image_folder(image_folder)
    train = {image.tobytes() for image in ds.train.images}
    again = sum(image.tobytes() in train for image in ds.test.images)
    assert again > 0
    assert f"{again} of {len(ds.test)} pictures of test are in train too (equal pixels)" in ds.test.notes
    assert "1 picture with equal pixels in more than one class" in ds.train.notes
    assert any("'bird' has no example" in note for note in ds.test.notes)


def test_links_are_followed_but_not_in_circles(image_folder, tmp_path):
    (tmp_path / "more").mkdir()
    shutil.move(image_folder / "cat" / "00.png", tmp_path / "more" / "00.png")
    (image_folder / "cat" / "linked").symlink_to(tmp_path / "more")
    (image_folder / "cat" / "loop").symlink_to(image_folder)
    (image_folder / "dog" / "loop").symlink_to(image_folder / "dog")
    ds = data.image_folder(image_folder)
    assert sum(map(len, ds.splits.values())) == 20
    assert any("2 links to folders that are read anyway skipped" in note for note in ds.notes)


def test_a_huge_picture_is_refused_in_the_words_of_an_unreadable_one(image_folder):
    Image.new("1", (14_000, 13_500)).save(image_folder / "cat" / "slide.png")
    with pytest.raises(ValueError, match=r"slide\.png cannot be read as an image \(.*189000000 pixels.*make it smaller"):
        data.image_folder(image_folder, size=8)


def test_a_large_picture_is_read_without_a_warning(image_folder):
    Image.new("1", (10_000, 9_500)).save(image_folder / "cat" / "slide.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = data.image_folder(image_folder, size=8)
    assert sum(map(len, ds.splits.values())) == 21
    assert any("1 picture of more than 89 million pixels" in note for note in ds.notes)


def broken():
    whole = {}
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"):
        file = io.BytesIO()
        Image.fromarray(RNG.integers(0, 256, (32, 32, 3)).astype(np.uint8)).save(file, kind)
        whole[kind] = file.getvalue()
    return whole


WHOLE = broken()


@given(st.sampled_from(sorted(WHOLE)), st.floats(0, 0.9), st.integers(0, 2**31))
def test_damaged_pictures_raise_a_sentence_or_are_read(tmp_path_factory, kind, cut, seed):
    rng = np.random.default_rng(seed)
    content = bytearray(WHOLE[kind][: int(len(WHOLE[kind]) * cut)])
    for place in rng.integers(0, max(len(content), 1), 3):
        if len(content):
            content[place] = rng.integers(0, 256)
    root = tmp_path_factory.mktemp("damaged")
    path = root / f"x.{kind.lower()}"
    path.write_bytes(bytes(content))
    try:
        message = f"{path}: mode {read_picture(path, Remarks()).mode}"
    except ValueError as error:
        message = str(error)
    assert message.startswith(str(path))
    assert "\n" not in message
    shutil.rmtree(root)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", struct.pack("<4I", 1, 2, 3, 4)])
def test_empty_and_stub_files_are_named(image_folder, content):
    (image_folder / "cat" / "stub.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"stub\.png cannot be read as an image"):
        data.image_folder(image_folder)


def test_parts_in_capitals_and_strays(tmp_path, image_folder):
    for part in ("Train", "Val", "TEST"):
        shutil.copytree(image_folder, tmp_path / "f" / part)
    shutil.copytree(image_folder, tmp_path / "f" / "extra")
    ds = data.image_folder(tmp_path / "f")
    assert ds.classes == ("cat", "dog")
    assert [len(split) for split in ds.splits.values()] == [20, 20, 20]
    assert "folders beside the parts are not read: extra" in ds.notes
    shutil.rmtree(tmp_path / "f" / "Train")
    shutil.rmtree(tmp_path / "f" / "extra")
    with pytest.raises(ValueError, match="has TEST, Val but no train folder"):
        data.image_folder(tmp_path / "f")


def test_an_archive_in_a_folder_of_its_own_name(tmp_path, image_folder):
    (tmp_path / "outer").mkdir()
    shutil.move(image_folder, tmp_path / "outer" / "pictures")
    with pytest.raises(ValueError, match=r"holds only the folder 'pictures', which holds the classes; give .*outer.pictures"):
        data.image_folder(tmp_path / "outer")


@pytest.mark.parametrize("size", [0, -3, 2.5, True])
def test_a_size_that_is_none(image_folder, size):
    with pytest.raises(ValueError, match="size must be a positive number of pixels"):
        data.image_folder(image_folder, size=size)


def test_the_current_folder_has_a_name(image_folder, monkeypatch):
    monkeypatch.chdir(image_folder)
    assert data.image_folder(".").name == "pictures"
    assert data.image_folder(os.curdir, favourable="cat").favourable == "cat"
