"""Checkpoints that are damaged, hostile or no files: one sentence, and no more memory than the file is long."""

import os
import struct
import tracemalloc
import zipfile

import pytest
import torch
from torch import nn

from labkit.training import Batches, checkpoint, fit


def older(path):
    """The form of before torch 1.6, with a name of which the file says that it has 3.5 GB."""
    torch.save({"format": 1, "step": 3}, path, _use_new_zipfile_serialization=False)
    name = b"X" + struct.pack("<I", 6) + b"format"
    assert path.read_bytes().count(name) == 1
    path.write_bytes(path.read_bytes().replace(name, b"X" + struct.pack("<I", 3_500_000_000) + b"format"))


def bomb(path):
    """Ten kilobytes that unpack to a tensor of ten megabytes."""
    checkpoint.save(path, {"step": torch.zeros(2_500_000)})
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in content.items():
            archive.writestr(name, part)


def renamed(old, new):
    """Entries of other names, which torch looks for in the archive."""

    def damage(path):
        checkpoint.save(path, {"step": torch.zeros(3)})
        path.write_bytes(path.read_bytes().replace(old, new))

    return damage


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "device"),
        (lambda path: os.mkfifo(path), "pipe"),
        (lambda path: path.symlink_to(path), "cannot be opened"),
        (lambda path: path.write_bytes(b"\x80\x02]0."), "damaged"),
        (lambda path: path.write_bytes(b"\x80\x02X\x04\x00\x00\x00\xa7\xa7\xa7\xa7."), "damaged"),
        (lambda path: path.write_bytes(b"\x80\x02X\x04"), "damaged"),
        (older, "damaged"),
        (bomb, "damaged"),
        (renamed(b"/data/0", b"/da\x00a/0"), "damaged"),
        (renamed(b"data.pkl", b"\xa7\xa7\xa7\xa7.pkl"), "damaged"),
        (lambda path: torch.save({"format": torch.zeros(2)}, path), "not a labkit checkpoint"),
        (lambda path: torch.save({"format": "x"}, path), "not a labkit checkpoint"),
        (lambda path: torch.save({"format": True}, path), "not a labkit checkpoint"),
        (lambda path: torch.save({"format": 10**5000}, path), "update labkit|damaged"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_a_sentence_and_without_memory(tmp_path, damage, words):
    path = tmp_path / "c.pt"
    damage(path)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words) as caught:
            checkpoint.load(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["a\0b", "x" * 100_000, "\ud800", "a\nb"])
def test_names_that_no_checkpoint_has_are_refused_in_a_sentence(tmp_path, name):
    with pytest.raises(ValueError, match="checkpoint") as caught:
        checkpoint.load(f"{tmp_path}/{name}")
    assert type(caught.value) is ValueError
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("part", ["steps", "model", "optimizer", "callbacks", "random"])
def test_a_training_does_not_go_on_from_half_a_checkpoint(tmp_path, part):
    def training():
        model = nn.Linear(4, 2)
        batches = Batches(torch.rand(8, 4), torch.arange(8) % 2, 4)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        fit(model, batches, steps=2, optimizer=optimizer, progress=False, checkpoint=tmp_path / "c.pt")

    training()
    state = torch.load(tmp_path / "c.pt")
    del state[part]
    torch.save(state, tmp_path / "c.pt")
    with pytest.raises(ValueError, match=rf"lacks parts of a training \(KeyError: '{part}'\); delete it to start over"):
        training()
