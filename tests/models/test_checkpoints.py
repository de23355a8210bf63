"""Weights as people have them: every form of a checkpoint gives the same network, or a sentence that names what the file is."""

import argparse
import copy
import gzip
import io
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from labkit import models
from labkit.models import Normalize, load_weights, save_weights


class Net(nn.Module):
    """Convolution, batch norm and a head, so that every kind of name occurs."""

    def __init__(self, classes=3):
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, classes)

    def forward(self, x):
        return self.fc(self.norm(self.conv(x)).mean((2, 3)))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x))


def trained(kind=Net, seed=1):
    torch.manual_seed(seed)
    model = kind().eval()
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    return model


def prefixed(state, prefix):
    return OrderedDict((prefix + name, value) for name, value in state.items())


def without_counters(state):
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}


ARGUMENTS = argparse.Namespace(lr=0.1)
FORMS = {
    "plain": (lambda s: s, ""),
    "state_dict": (lambda s: {"state_dict": s, "epoch": 3, "best": np.float64(0.5), "args": ARGUMENTS}, "key 'state_dict'"),
    "model": (lambda s: {"model": s, "optimizer": {"state": {}, "param_groups": []}}, "key 'model'"),
    "model_state_dict": (lambda s: {"model_state_dict": s}, "key 'model_state_dict'"),
    "net": (lambda s: {"net": s, "acc": 91.2}, "key 'net'"),
    "state_dict_ema": (lambda s: {"state_dict_ema": s}, "key 'state_dict_ema'"),
    "both": (lambda s: {"state_dict_ema": prefixed(s, "module."), "state_dict": s}, "not the moving average 'state_dict_ema'"),
    "nested": (lambda s: {"model": {"state_dict": s}}, "key 'model', key 'state_dict'"),
    "own key": (lambda s: {"resnet_weights": s, "epoch": 1}, "key 'resnet_weights'"),
    "module": (lambda s: prefixed(s, "module."), "prefix 'module.' taken off"),
    "model prefix": (lambda s: prefixed(s, "model."), "prefix 'model.' taken off"),
    "compiled": (lambda s: prefixed(s, "_orig_mod."), "prefix '_orig_mod.' taken off"),
    "backbone": (lambda s: prefixed(s, "backbone."), "prefix 'backbone.' taken off"),
    "any prefix": (lambda s: prefixed(s, "student.encoder."), "prefix 'student.encoder.' taken off"),
    "both prefixes": (lambda s: {"state_dict": prefixed(s, "model.module._orig_mod.")}, "taken off"),
    "inner": (lambda s: {name.replace("conv.", "conv._orig_mod."): value for name, value in s.items()}, "'_orig_mod.' taken off"),
    "averaged": (lambda s: prefixed(s, "module.") | {"n_averaged": torch.tensor(4)}, "'module.' taken off"),
    "no counters": (without_counters, "1 counters of batch norm missing"),
    "wrapped": (
        lambda s: prefixed(s, "1.") | {"0.mean": torch.full((1, 3, 1, 1), 0.1), "0.std": torch.full((1, 3, 1, 1), 2.0)},
        "prefix '1.' taken off",
    ),
    "entries": (lambda s: {**s, "epoch": 4}, "1 entries that are no tensors left out ('epoch')"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_checkpoint_gives_the_same_network(tmp_path, form):
    change, words = FORMS[form]
    source, model = trained(), nn.Sequential(OrderedDict(normalize=Normalize([0.0] * 3, [1.0] * 3), model=trained(seed=2)))
    torch.save(change(source.state_dict()), tmp_path / "w.pth")
    said = ", ".join(load_weights(model, tmp_path / "w.pth"))
    assert words in said
    x = torch.rand(2, 3, 8, 8)
    given = (x - 0.1) / 2 if form == "wrapped" else x
    torch.testing.assert_close(model(x), source(given))
    if form != "wrapped":
        bare = trained(seed=2)
        load_weights(bare, tmp_path / "w.pth")
        torch.testing.assert_close(bare(x), source(x))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_checkpoints_of_another_precision_are_cast_and_it_is_said(tmp_path, kind):
    source, model = trained(), trained(seed=2)
    save_file(
        {name: value.to(kind) if value.is_floating_point() else value for name, value in source.state_dict().items()},
        tmp_path / "w",
    )
    said = load_weights(model, tmp_path / "w")
    assert said == (f"cast from {str(kind).removeprefix('torch.')} to float32",)
    assert model.fc.weight.dtype == torch.float32
    torch.testing.assert_close(model.fc.weight, source.fc.weight.to(kind).float())


def test_a_prefix_stays_where_not_all_names_match_without_it(tmp_path):
    state = prefixed(trained().state_dict(), "model.") | {"other.weight": torch.zeros(2)}
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"has 'other.weight' that the model does not have; give weights of this architecture"):
        load_weights(trained(), tmp_path / "w.pt")


class Settings(dict):
    """Code of the one who saved the file."""

    def __reduce__(self):
        return exec, (f"open({str(self.path)!r}, 'w')",)


class Config:
    def __init__(self):
        self.rate = 0.1


def test_objects_beside_the_weights_are_left_out_and_their_code_does_not_run(tmp_path):
    source, model, settings = trained(), trained(seed=2), Settings()
    settings.path = tmp_path / "ran"
    content = {"state_dict": source.state_dict(), "config": Config(), "settings": settings, "callbacks": {Config: 1}}
    torch.save(content, tmp_path / "w.ckpt")
    said = ", ".join(load_weights(model, tmp_path / "w.ckpt"))
    assert "key 'state_dict'" in said
    assert "objects of " in said
    assert torch.equal(model.fc.weight, source.fc.weight)
    assert not (tmp_path / "ran").exists()
    torch.save({"model": source, "settings": settings}, tmp_path / "whole.ckpt")
    with pytest.raises(ValueError, match=r"holds more than tensors \(.*\), which is not safe to load; save model.state_dict"):
        load_weights(model, tmp_path / "whole.ckpt")
    assert not (tmp_path / "ran").exists()


def script():
    with io.BytesIO() as file:
        torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), file)
        return file.getvalue()


def archive(**arrays):
    with io.BytesIO() as file:
        np.savez(file, **arrays)
        return file.getvalue()


KINDS = {
    "TorchScript": (script, "is a TorchScript file"),
    "ONNX": (lambda: b"\x08\x08\x12\x07pytorch\x1a\x052.0.0:\x10", "is an ONNX file"),
    "HDF5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(64), "is an HDF5 file"),
    "HTML": (lambda: b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "is an HTML page"),
    "LFS": (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "is a Git LFS pointer"),
    "gzip": (lambda: gzip.compress(b"weights" * 9), "is a gzip archive"),
    "JSON": (lambda: b'{"metadata": {}, "weight_map": {}}', "is a JSON text"),
    "npz": (lambda: archive(a=np.zeros(3)), "is an archive of NumPy arrays"),
    "npy": (lambda: b"\x93NUMPY\x01\x00v\x00{'descr'", "is a NumPy array"),
    "pickle": (lambda: pickle.dumps({"a": 1}), "is a Python pickle that torch.save did not write"),
    "nothing": (lambda: b"", "is truncated or damaged"),
    "noise": (lambda: bytes(range(1, 200)), "is truncated or damaged"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", [".pt", ".safetensors", ".bin"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind_is_named_whatever_its_ending(tmp_path, kind, ending):
    content, words = KINDS[kind]
    (tmp_path / f"w{ending}").write_bytes(content())
    with pytest.raises(ValueError, match=words) as caught:
        load_weights(trained(), tmp_path / f"w{ending}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".pt", ".safetensors", ".bin", ""])
def test_the_ending_does_not_decide_how_a_file_is_read(tmp_path, ending):
    state = trained().state_dict()
    save_file(state, tmp_path / f"a{ending}")
    torch.save(state, tmp_path / f"b{ending}")
    torch.save(state, tmp_path / f"c{ending}", _use_new_zipfile_serialization=False)
    for letter in "abc":
        model = trained(seed=2)
        load_weights(model, tmp_path / f"{letter}{ending}")
        assert torch.equal(model.fc.weight, state["fc.weight"])


def test_another_number_of_classes_names_the_head_and_both_numbers(tmp_path):
    torch.save(Net(1000).state_dict(), tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"the head 'fc' is for 1,000 classes, and the data have 3 \('fc.weight' has shape"):
        load_weights(trained(), tmp_path / "w.pt")


def test_other_channels_are_named(tmp_path):
    state = trained().state_dict() | {"conv.weight": torch.zeros(4, 1, 3, 3)}
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"'conv.weight' takes 1 channels, and the pictures have 3"):
        load_weights(trained(), tmp_path / "w.pt")


def test_quantized_weights_are_refused(tmp_path):
    torch.save(trained().state_dict() | {"fc.weight": torch.zeros(3, 4, dtype=torch.int8)}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"'fc.weight' holds int8 where the network has float32"):
        load_weights(trained(), tmp_path / "w.pt")


def test_tied_tensors_are_written_once_and_stay_tied(tmp_path):
    source, model = trained(Tied), trained(Tied, 2)
    save_weights(source, tmp_path / "w.safetensors")
    assert set(load_file(tmp_path / "w.safetensors")) == {"first.weight", "first.bias", "second.bias"}
    load_weights(model, tmp_path / "w.safetensors")
    assert model.first.weight is model.second.weight
    torch.testing.assert_close(model(torch.ones(1, 4)), source(torch.ones(1, 4)))


def test_one_name_of_a_tied_tensor_is_enough_and_two_values_are_refused(tmp_path):
    state = trained(Tied).state_dict()
    for name in ("first.weight", "second.weight"):
        torch.save({key: value for key, value in state.items() if key != name}, tmp_path / "w.pt")
        model = trained(Tied, 2)
        assert load_weights(model, tmp_path / "w.pt") == ("1 names that share a tensor missing",)
        assert torch.equal(model.first.weight, state["first.weight"])
    torch.save({**state, "second.weight": torch.zeros(4, 4)}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"'first.weight' and 'second.weight' differ, and are one tensor in the model"):
        load_weights(trained(Tied), tmp_path / "w.pt")


def test_what_labkit_saved_of_a_timm_model_loads_again_with_its_normalisation(tmp_path):
    source = models.load("timm:test_resnet", num_classes=2)
    source.normalize.mean.fill_(0.25)
    save_weights(source, tmp_path / "w.safetensors")
    model = models.load("timm:test_resnet", num_classes=2, weights=tmp_path / "w.safetensors")
    assert all(torch.equal(value, source.state_dict()[name]) for name, value in model.state_dict().items())


def test_what_was_done_is_said_by_the_model(tmp_path):
    source = models.load("timm:test_resnet", num_classes=2).model
    state = {"state_dict": prefixed(without_counters(source.state_dict()), "module.")}
    torch.save(state, tmp_path / "w.pt")
    model = models.load("timm:test_resnet", num_classes=2, weights=tmp_path / "w.pt")
    assert model.loaded_from.startswith("timm:test_resnet with weights of w.pt (key 'state_dict', prefix 'module.' taken off, ")
    assert copy.deepcopy(model).loaded_from == model.loaded_from
