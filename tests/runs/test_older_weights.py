"""Weights of 8-bit networks that labkit 0.1 stored, as parts of torchao's tensors, load as they were."""

import torch
from safetensors.torch import save_file
from torch import nn

from labkit import compress
from labkit.runs.weights import load_state, save_state


def test_parts_of_torchao_tensors_load_under_their_old_names(tmp_path):
    torch.manual_seed(0)
    small = compress.quantize(nn.Sequential(nn.Linear(48, 20), nn.ReLU(), nn.Linear(20, 4, bias=False)).eval())
    old = {"0.bias": small[0].bias.detach()}
    for path, layer in (("0", small[0]), ("2", small[2])):
        parts = {"qdata": layer.codes, "scale": layer.scale, "zero_point": torch.zeros(len(layer.codes), 1, dtype=torch.int8)}
        old |= {f"{path}.weight:{name}": part for name, part in parts.items()}
    save_file(old, tmp_path / "old.safetensors")
    save_state(small, tmp_path / "new.safetensors")
    x = torch.randn(5, 48)
    for name in ("old", "new"):
        again = compress.quantize(nn.Sequential(nn.Linear(48, 20), nn.ReLU(), nn.Linear(20, 4, bias=False)).eval())
        load_state(again, tmp_path / f"{name}.safetensors")
        assert torch.equal(again(x), small(x))
