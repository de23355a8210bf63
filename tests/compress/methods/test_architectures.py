"""low_rank and fips on small networks of timm with random weights: outputs are finite and the budget is kept, or one sentence."""

import pytest
import timm
import torch

from labkit import compress
from labkit.layers import LowRankConv2d, LowRankLinear, SharedBasisLinear, notes_of

NETWORKS = {
    "convnext_atto": ({"depths": (1, 1, 1, 1), "dims": (16, 24, 32, 40)}, 32),
    "inception_next_tiny": ({"depths": (1, 1, 1, 1), "dims": (16, 24, 32, 40)}, 32),
    "cait_xxs24_224": ({"img_size": 32, "patch_size": 8, "depth": 2, "embed_dim": 48, "num_heads": 2}, 32),
    "swinv2_tiny_window8_256": (
        {"img_size": 32, "window_size": 4, "embed_dim": 24, "depths": (1, 1), "num_heads": (1, 2)},
        32,
    ),
    "mobilenetv3_small_050": ({}, 32),
    "vit_tiny_patch16_224": ({"img_size": 32, "patch_size": 8, "embed_dim": 48, "num_heads": 3, "depth": 2}, 32),
}
NEW = (LowRankLinear, LowRankConv2d, SharedBasisLinear)


@pytest.fixture(scope="module", params=NETWORKS)
def made(request):
    options, size = NETWORKS[request.param]
    torch.manual_seed(0)
    net = timm.create_model(request.param, pretrained=False, num_classes=5, **options).eval()
    return request.param, net, torch.randn(64, 3, size, size)


@pytest.mark.parametrize("aware", [False, True])
@pytest.mark.parametrize("method", ["low_rank", "fips"])
def test_it_runs_within_its_budget(made, method, aware):
    name, net, x = made
    settings = {"calibration": x} if aware else {}
    if method == "fips" and name.startswith("mobilenet"):  # inverted residuals are no feed-forward blocks
        with pytest.raises(ValueError, match=r"^the network has no feed-forward block .* transformers have them"):
            compress.fips(net, **settings)
        return
    small = getattr(compress, method)(net, budget=0.25, **settings)
    with torch.no_grad():
        assert small(x[:4]).isfinite().all()
        assert small(x[:4]).shape == (4, 5)
    touched = {path: layer for path, layer in small.named_modules() if isinstance(layer, NEW)}
    kept = {id(p): p.numel() for layer in touched.values() for key, p in layer.named_parameters() if not key.endswith("bias")}
    assert touched
    assert sum(kept.values()) <= 0.25 * sum(net.get_submodule(path).weight.numel() for path in touched)
    if method == "low_rank" and name.startswith(("convnext", "inception", "mobilenet")):
        assert any("a grouped convolution has no single low-rank form" in note for note in notes_of(small))
