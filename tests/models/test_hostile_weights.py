"""Files of weights that are broken, hostile or of another kind: one sentence, little memory, and the network stays as it was."""

import json
import os
import random
import resource
import struct
import zipfile

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from labkit.layers.manifest import reason_of
from labkit.models import load_weights
from labkit.models.card import read_card, read_weights


def net():
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))


def state(**changed):
    torch.manual_seed(0)
    return net().state_dict() | changed


def refused(path, *words):
    """The sentence with which a file is refused; the network stays, and hardly any memory is taken."""
    model, before = net(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match=r".") as caught:
        load_weights(model, path)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 600
    assert [word for word in words if word not in said] == []
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.state_dict().items())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB
    return said


def quantized():
    return torch.quantize_per_tensor(torch.rand(3, 4), 0.1, 0, torch.qint8)


TENSORS = {
    "float8": (lambda: torch.rand(3, 4).to(torch.float8_e4m3fn), "float8_e4m3fn"),
    "float8 of the other kind": (lambda: torch.rand(3, 4).to(torch.float8_e5m2), "float8_e5m2"),
    "meta": (lambda: torch.empty(3, 4, device="meta"), "meta"),
    "quantized": (quantized, "quantized"),
    "sparse": (lambda: torch.eye(3, 4).to_sparse(), "sparse"),
    "compressed rows": (lambda: torch.eye(3, 4).to_sparse_csr(), "sparse"),
    "a sparse tensor of a huge shape": (
        lambda: torch.sparse_coo_tensor(torch.zeros(2, 1, dtype=torch.long), [1.0], (10**9, 10**9)),
        "sparse",
    ),
    "complex": (lambda: torch.rand(3, 4, dtype=torch.complex64), "complex"),
    "int8": (lambda: torch.ones(3, 4, dtype=torch.int8), "int8"),
    "bool": (lambda: torch.ones(3, 4, dtype=torch.bool), "bool"),
    "beyond float32": (lambda: torch.full((3, 4), 1e300, dtype=torch.float64), "1e+300"),
    "NaN": (lambda: torch.full((3, 4), torch.nan), "NaN"),
    "inf": (lambda: torch.full((3, 4), -torch.inf), "infinite"),
    "terabytes out of one number": (lambda: torch.zeros(1).expand(10**6, 10**6), "1,000,000,000,000 numbers"),
    "another shape": (lambda: torch.rand(3, 5), "shape"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_that_is_no_plain_weight_is_named(tmp_path, name):
    make, word = TENSORS[name]
    torch.save(state(**{"0.weight": make()}), tmp_path / "w.pt")
    assert "'0.weight'" in refused(tmp_path / "w.pt", word)


@pytest.mark.parametrize("value", [1e300, float("nan"), float("inf"), 1e39])
def test_numbers_that_float32_cannot_hold_are_named_in_safetensors_too(tmp_path, value):
    weight = torch.zeros(3, 4, dtype=torch.float64)
    weight[1, 2] = value
    save_file(state(**{"0.weight": weight}), tmp_path / "w.safetensors")
    refused(tmp_path / "w.safetensors", "'0.weight'")


def test_a_network_in_half_precision_does_not_take_what_becomes_infinite(tmp_path):
    torch.save(state(**{"0.weight": torch.full((3, 4), 1e5)}), tmp_path / "w.pt")
    half = net().half()
    with pytest.raises(ValueError, match=r"'0.weight' holds 1e\+05, beyond the 6.55e\+04 of float16"):
        load_weights(half, tmp_path / "w.pt")


def test_archives_that_unpack_to_gigabytes_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        torch.save(state(), tmp_path / "plain.pt")
        with zipfile.ZipFile(tmp_path / "plain.pt") as plain:
            for name in plain.namelist():
                archive.writestr(name, plain.read(name) if "/data/0" not in name else b"\0" * 200_000_000)
    assert (tmp_path / "w.pt").stat().st_size < 1_000_000
    refused(tmp_path / "w.pt", "unpacks to 200,")


def test_a_file_of_a_terabyte_of_holes_is_refused(tmp_path):
    header = json.dumps({"0.weight": {"dtype": "F32", "shape": [2**38], "data_offsets": [0, 2**40]}}).encode()
    with open(tmp_path / "w.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 2**40)
    refused(tmp_path / "w.safetensors", "more than the")


def circle():
    loop = {"x": 1}
    loop["model"] = loop["state_dict"] = loop
    return loop


def tower():
    level = {"fc.weight": torch.zeros(1)}
    for _ in range(60):  # each level is there twice: 2^60 paths lead to the tensor
        level = {"model": level, "state_dict": level, "net": level}
    return level


@pytest.mark.parametrize("content", [circle, tower, dict, lambda: {"model": {}}, lambda: [torch.zeros(3)], lambda: {1: {2: 3}}])
def test_dicts_in_circles_and_towers_are_read_to_a_small_depth(tmp_path, content):
    torch.save(content(), tmp_path / "w.pt")
    refused(tmp_path / "w.pt", "no state dict")


def special(kind, folder):
    if kind == "pipe":
        os.mkfifo(folder / "w.pt")
        return folder / "w.pt", "pipe"
    if kind == "folder":
        return folder, "folder"
    if kind == "missing":
        return folder / "no" / "w.pt", "does not exist"
    if kind == "long":
        return folder / ("x" * 5000), "cannot be opened"
    if kind == "null":
        return folder / "a\0b", "cannot be opened"
    if kind == "no UTF-8":
        return folder / os.fsdecode(b"w\xff.safetensors"), "UTF-8"
    return {"device": "/dev/zero", "in a file": folder / "file" / "w.pt"}[kind], {"device": "device", "in a file": "exist"}[kind]


@pytest.mark.parametrize("kind", ["pipe", "folder", "missing", "long", "null", "no UTF-8", "device", "in a file"])
def test_what_is_no_file_is_said(tmp_path, kind):
    (tmp_path / "file").write_bytes(b"x")
    path, word = special(kind, tmp_path)
    if kind == "no UTF-8":
        with open(os.fsencode(path), "wb") as file:
            file.write(b"x" * 100)
    said = refused(path, word)
    assert said.encode()  # it can be printed


HEADERS = [
    {"0.weight": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 48]}},
    {"0.weight": {"dtype": "F32", "shape": [2**63, 2], "data_offsets": [0, 48]}},
    {"0.weight": {"dtype": "F32", "shape": [-3, -4], "data_offsets": [0, 48]}},
    {"0.weight": {"dtype": "F4", "shape": [3, 4], "data_offsets": [0, 6]}},
    {"0.weight": {"dtype": "F8_E4M3", "shape": [3, 4], "data_offsets": [0, 12]}},
    {"0.weight": {"dtype": "X", "shape": [3, 4], "data_offsets": [0, 48]}},
    {"0.weight": {"dtype": "F32", "shape": [3, 4], "data_offsets": [48, 0]}},
    {"0.weight": []},
    {"__metadata__": {"0.weight": 5}},
    {},
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_headers_of_safetensors_that_promise_what_is_not_there(tmp_path, header):
    raw = json.dumps(header).encode()
    size = max([entry["data_offsets"][1] for entry in header.values() if "data_offsets" in entry], default=0)
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(size))
    refused(tmp_path / "w.safetensors")


def mutated(content, draw):
    content, how = bytearray(content), draw.randrange(4)
    if how == 0:
        return bytes(content[: draw.randrange(len(content))])
    for _ in range(draw.randrange(1, 9)):
        place = draw.randrange(len(content) if how == 1 else min(len(content), 600))
        content[place] = draw.randrange(256)
    return bytes(content[: len(content) // 2] + content[draw.randrange(len(content)) :]) if how == 3 else bytes(content)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["safetensors", "torch", "older torch", "TorchScript"])
def test_mutated_files_end_in_a_sentence_or_in_finite_weights(tmp_path, kind):
    path, model, draw = tmp_path / "w", net(), random.Random(0)
    if kind == "safetensors":
        save_file(state(), path)
    elif kind == "TorchScript":
        torch.jit.save(torch.jit.script(net()), path)
    else:
        torch.save(state(), path, _use_new_zipfile_serialization=kind == "torch")
    content, said = path.read_bytes(), []
    for _ in range(60):
        path.write_bytes(mutated(content, draw))
        try:
            load_weights(model, path)
        except ValueError as error:
            said.append(str(error))
        assert all(tensor.isfinite().all() for tensor in model.state_dict().values())
    assert said
    assert [sentence for sentence in said if "\n" in sentence or not sentence.strip()] == []


@pytest.mark.parametrize("text", ["", "[1]", "null", "{}", '{"name": 5}', "[" * 100_000, "\ud800"])
def test_a_damaged_model_card_is_said(tmp_path, text):
    (tmp_path / "net.json").write_bytes(text.encode("utf-16" if text == "\ud800" else "utf-8", "surrogatepass"))
    with pytest.raises(ValueError, match="is not a model card"):
        read_card(tmp_path / "net.json")


def test_an_error_without_a_message_is_named_by_its_type():
    assert [reason_of(error) for error in (ValueError(), RuntimeError("\n"), KeyError("x"))] == [
        "ValueError",
        "RuntimeError",
        "KeyError: 'x'",
    ]


def test_what_was_read_before_is_read_still(tmp_path):
    torch.save({"state_dict": state(), "epoch": 1}, tmp_path / "w.pt")
    assert read_weights(tmp_path / "w.pt").keys() == state().keys()
