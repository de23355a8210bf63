"""Awkward networks: small classifiers, each with one property on which compression and audits have failed.

``ZOO`` maps names to `Animal`; ``animal.build()`` returns a network in eval mode and an example input, the same ones every time.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize, prune

CLASSES = 3


@dataclass(frozen=True)
class Animal:
    """One awkward network.

    Attributes
    ----------
    name : str
    make : callable
        Returns the network and an example input with a batch of 6.
    classes : int
    notes : str
        What is special.
    tags : frozenset of str
        For selection: "tokens" (integer input), "output" (no bare tensor), "dtype", "hooks", "parametrized", "tied", "keywords".
    """

    name: str
    make: Callable[[], tuple[nn.Module, Tensor]]
    classes: int
    notes: str
    tags: frozenset[str] = frozenset()

    def build(self, seed: int = 0) -> tuple[nn.Module, Tensor]:
        """Return the network, in eval mode, and the example input; the global random state stays as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network, example = self.make()
        return network.eval(), example


ZOO: dict[str, Animal] = {}


def animal(notes: str, *tags: str, classes: int = CLASSES) -> Callable:
    """Register a function that returns a network and an example."""

    def register(make: Callable[[], tuple[nn.Module, Tensor]]) -> Callable:
        ZOO[make.__name__] = Animal(make.__name__, make, classes, notes, frozenset(tags))
        return make

    return register


def rows(n: int = 6, columns: int = 16) -> Tensor:
    """Rows of a table."""
    return torch.randn(n, columns)


def pictures(n: int = 6, channels: int = 1, size: int = 8) -> Tensor:
    """Pictures [N, C, size, size] in [0, 1]."""
    return torch.rand(n, channels, size, size)


def tokens(n: int = 6, length: int = 5, vocabulary: int = 12) -> Tensor:
    """Integer tokens [N, length]; the last two of every second row are padding (0)."""
    found = torch.randint(1, vocabulary, (n, length))
    found[::2, -2:] = 0
    return found


def small_mlp(hidden: int = 32) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(nn.Linear(16, hidden), nn.ReLU(), nn.Linear(hidden, 16), nn.ReLU(), nn.Linear(16, CLASSES))


@animal("nothing special")
def mlp() -> tuple[nn.Module, Tensor]:
    return small_mlp(), rows()


@animal("a Sequential inside a Sequential inside a Sequential")
def nested() -> tuple[nn.Module, Tensor]:
    inner = nn.Sequential(nn.Linear(16, 32), nn.Sequential(nn.GELU(), nn.Linear(32, 16)))
    return nn.Sequential(inner, nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(16, CLASSES)))), rows()


@animal("two linear layers share one weight", "tied")
def tied_linear() -> tuple[nn.Module, Tensor]:
    network = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, CLASSES))
    network[2].weight = network[0].weight
    return network, rows()


class TiedLanguage(nn.Module):
    """The head shares the embedding's weight; the first three words are the classes."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mix, self.head = nn.Embedding(12, 16), nn.Linear(16, 16), nn.Linear(16, 12, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.mix(self.embed(x).mean(1))))[:, :CLASSES]


@animal("the head shares the weight of the embedding", "tied", "tokens")
def tied_embedding() -> tuple[nn.Module, Tensor]:
    return TiedLanguage(), tokens()


def _each_linear(network: nn.Module, change: Callable[[nn.Module], object], skip_last: bool = False) -> nn.Module:
    layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
    for layer in layers[:-1] if skip_last else layers:
        change(layer)
    return network


@animal("torch.nn.utils.parametrizations.weight_norm", "parametrized")
def weight_norm() -> tuple[nn.Module, Tensor]:
    return _each_linear(small_mlp(), parametrizations.weight_norm), rows()


@animal("torch.nn.utils.parametrizations.spectral_norm: buffers change in train mode", "parametrized")
def spectral_norm() -> tuple[nn.Module, Tensor]:
    return _each_linear(small_mlp(), parametrizations.spectral_norm), rows()


@animal("torch.nn.utils.parametrizations.orthogonal", "parametrized")
def orthogonal() -> tuple[nn.Module, Tensor]:
    return _each_linear(small_mlp(), parametrizations.orthogonal), rows()


class Symmetric(nn.Module):
    """A parametrization of one's own."""

    def forward(self, x: Tensor) -> Tensor:
        return x.triu() + x.triu(1).mT


@animal("a parametrization of one's own on one layer", "parametrized")
def own_parametrization() -> tuple[nn.Module, Tensor]:
    network = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, CLASSES))
    parametrize.register_parametrization(network[0], "weight", Symmetric())
    return network, rows()


@animal("torch.nn.utils.weight_norm: the weight is computed by a pre-hook, deepcopy fails after a forward", "hooks")
def hook_weight_norm() -> tuple[nn.Module, Tensor]:
    network, x = _each_linear(small_mlp(), torch.nn.utils.weight_norm), rows()
    network(x)
    return network, x


@animal("torch.nn.utils.spectral_norm: the weight is computed by a pre-hook, the buffer u changes in train mode", "hooks")
def hook_spectral_norm() -> tuple[nn.Module, Tensor]:
    return _each_linear(small_mlp(), torch.nn.utils.spectral_norm), rows()


@animal("torch.nn.utils.prune: weight_orig, weight_mask and a pre-hook; weight is no leaf", "hooks")
def pruned() -> tuple[nn.Module, Tensor]:
    return _each_linear(small_mlp(), lambda layer: prune.l1_unstructured(layer, "weight", amount=0.5)), rows()


@animal("pruned, and a forward has run with gradients", "hooks")
def pruned_after_forward() -> tuple[nn.Module, Tensor]:
    network, x = pruned()
    network(x)
    return network, x


def _doubled(self: nn.Linear, x: Tensor) -> Tensor:
    return 2 * F.linear(x, self.weight, self.bias)


@animal("the forward of one layer is replaced on the instance", "hooks")
def patched_forward() -> tuple[nn.Module, Tensor]:
    network = small_mlp()
    network[0].forward = types.MethodType(_doubled, network[0])
    return network, rows()


def _plus_one(_module: nn.Module, _inputs: tuple, output: Tensor) -> Tensor:
    return output + 1


def _halved(_module: nn.Module, inputs: tuple) -> tuple:
    return (inputs[0] / 2,)


@animal("a forward hook changes the output of a layer", "hooks")
def forward_hook() -> tuple[nn.Module, Tensor]:
    network = small_mlp()
    network[2].register_forward_hook(_plus_one)
    return network, rows()


@animal("a forward pre-hook changes the input of a layer", "hooks")
def forward_pre_hook() -> tuple[nn.Module, Tensor]:
    network = small_mlp()
    network[2].register_forward_pre_hook(_halved)
    return network, rows()


class LoRA(nn.Module):
    """Reads the weight of the layer that it wraps."""

    def __init__(self, base: nn.Linear, rank: int = 2) -> None:
        super().__init__()
        self.base = base
        self.a = nn.Parameter(0.1 * torch.randn(rank, base.in_features))
        self.b = nn.Parameter(0.1 * torch.randn(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.base.weight + self.b @ self.a, self.base.bias)


@animal("a wrapper that reads base.weight and never calls base")
def lora() -> tuple[nn.Module, Tensor]:
    return nn.Sequential(LoRA(nn.Linear(16, 32)), nn.ReLU(), LoRA(nn.Linear(32, 16)), nn.ReLU(), nn.Linear(16, CLASSES)), rows()


class Returns(nn.Module):
    """Returns its logits in a container."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.body, self.head, self.kind = nn.Sequential(nn.Linear(16, 32), nn.ReLU()), nn.Linear(32, CLASSES), kind

    def forward(self, x: Tensor) -> tuple | dict:
        features = self.body(x)
        logits = self.head(features)
        return (logits, features) if self.kind == "tuple" else {"logits": logits, "features": features}


@animal("returns (logits, features)", "output")
def tuple_output() -> tuple[nn.Module, Tensor]:
    return Returns("tuple"), rows()


@animal("returns {'logits': …, 'features': …}", "output")
def dict_output() -> tuple[nn.Module, Tensor]:
    return Returns("dict"), rows()


class Scaled(nn.Module):
    """Takes its second argument as a keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 16)

    def forward(self, x: Tensor, *, scale: float) -> Tensor:
        return torch.relu(self.layer(x)) * scale


class Keywords(nn.Module):
    """Calls its blocks and layers with keywords."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = Scaled(), Scaled(), nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(input=self.second(scale=0.5, x=self.first(x=x, scale=2.0)))


@animal("blocks and layers are called with keywords", "keywords")
def keywords() -> tuple[nn.Module, Tensor]:
    return Keywords(), rows()


class Attends(nn.Module):
    """nn.MultiheadAttention over the rows of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.attention, self.head = (
            nn.Linear(4, 16),
            nn.MultiheadAttention(16, 2, batch_first=True),
            nn.Linear(16, CLASSES),
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x.unflatten(1, (4, 4)))
        return self.head((h + self.attention(h, h, h, need_weights=False)[0]).mean(1))


@animal("nn.MultiheadAttention, whose out_proj is never called")
def multihead_attention() -> tuple[nn.Module, Tensor]:
    return Attends(), rows()


class Padded(nn.Module):
    """nn.TransformerEncoder with a padding mask: nested tensors on the fast path."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(12, 16, padding_idx=0)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2), nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.embed(x), src_key_padding_mask=x == 0)[:, 0])


@animal("nn.TransformerEncoder with a padding mask", "tokens")
def masked_transformer() -> tuple[nn.Module, Tensor]:
    return Padded(), tokens()


class Recurrent(nn.Module):
    """An LSTM over eight steps."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.head = nn.LSTM(2, 16, num_layers=2, batch_first=True, bidirectional=True), nn.Linear(32, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x.unflatten(1, (8, 2)))[0][:, -1])


@animal("a bidirectional LSTM of two layers")
def lstm() -> tuple[nn.Module, Tensor]:
    return Recurrent(), rows()


class CellLoop(nn.Module):
    """A GRUCell in a Python loop."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRUCell(4, 16), nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(len(x), 16)
        for step in x.unflatten(1, (4, 4)).unbind(1):
            h = self.cell(step, h)
        return self.head(h)


@animal("a GRUCell in a loop")
def gru_cell() -> tuple[nn.Module, Tensor]:
    return CellLoop(), rows()


class BeitAttention(nn.Module):
    """Reads qkv.weight itself and adds a bias without that of the keys, as timm's BEiT, EVA and Swin v2 do."""

    def __init__(self, dim: int = 16, heads: int = 2) -> None:
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim)
        self.q_bias, self.v_bias = nn.Parameter(torch.randn(dim)), nn.Parameter(torch.randn(dim))

    def forward(self, x: Tensor) -> Tensor:
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        q, k, v = F.linear(x, weight=self.qkv.weight, bias=bias).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Beit(nn.Module):
    """One block."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.attention, self.head = nn.Linear(4, 16), BeitAttention(), nn.Linear(16, CLASSES)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x.unflatten(1, (4, 4)))
        h = h + self.attention(h)
        return self.head((h + self.mlp(h)).mean(1))


@animal("an attention that reads qkv.weight itself (BEiT, EVA, Swin v2)")
def beit() -> tuple[nn.Module, Tensor]:
    return Beit(), rows()


@animal("one module is used in two places", "tied")
def reused() -> tuple[nn.Module, Tensor]:
    block = nn.Sequential(nn.Linear(16, 16), nn.Tanh())
    return nn.Sequential(block, nn.Linear(16, 16), block, nn.Linear(16, CLASSES)), rows()


@animal("the first layer and one bias are frozen")
def frozen() -> tuple[nn.Module, Tensor]:
    network = small_mlp()
    network[0].requires_grad_(False)
    network[2].bias.requires_grad_(False)
    return network, rows()


class BatchNormNet(nn.Module):
    """Convolutions with BatchNorm; one of them keeps no statistics, one has no affine parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, 2, 1),
            nn.BatchNorm2d(16, affine=False),
            nn.Dropout(0.2),
            nn.Conv2d(16, 16, 1),
            nn.GroupNorm(4, 16),
        )
        self.head = nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean((2, 3)))


@animal("BatchNorm with running statistics that have seen data, Dropout")
def batch_norm() -> tuple[nn.Module, Tensor]:
    network, x = BatchNormNet(), pictures()
    network(2 * x + 1)
    return network, x


@animal("a BatchNorm is kept in eval mode while the rest trains, as in detection backbones")
def frozen_batch_norm() -> tuple[nn.Module, Tensor]:
    network = BatchNormNet()
    network.body[1].requires_grad_(False)
    return network, pictures()


@animal("all parameters are float64", "dtype")
def float64() -> tuple[nn.Module, Tensor]:
    return small_mlp().double(), rows().double()


@animal("all parameters are bfloat16", "dtype")
def bfloat16() -> tuple[nn.Module, Tensor]:
    return small_mlp().bfloat16(), rows().bfloat16()


class Mixed(nn.Module):
    """A bfloat16 body and a float32 head; casts between them itself."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.body, self.head = nn.Linear(16, 32), nn.Linear(32, 32).bfloat16(), nn.Linear(32, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.body(torch.relu(self.stem(x)).bfloat16())).float())


@animal("float32 and bfloat16 layers; the network casts between them", "dtype")
def mixed_dtypes() -> tuple[nn.Module, Tensor]:
    return Mixed(), rows()


@animal("Conv1d")
def conv1d() -> tuple[nn.Module, Tensor]:
    body = (nn.Unflatten(1, (1, 16)), nn.Conv1d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv1d(8, 16, 3, stride=2, padding=1), nn.ReLU())
    return nn.Sequential(*body, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, CLASSES)), rows()


@animal("Conv3d and ConvTranspose2d")
def conv3d() -> tuple[nn.Module, Tensor]:
    volume = (nn.Unflatten(1, (1, 1)), nn.Conv3d(1, 8, (1, 3, 3), padding=(0, 1, 1)), nn.ReLU(), nn.Flatten(1, 2))
    plane = (nn.Conv2d(8, 8, 2, 2), nn.ReLU(), nn.ConvTranspose2d(8, 4, 2, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    return nn.Sequential(*volume, *plane, nn.Linear(16, CLASSES)), pictures()


@animal("circular and reflecting padding")
def circular() -> tuple[nn.Module, Tensor]:
    wrapped = nn.Conv2d(1, 8, 3, padding=1, padding_mode="circular")
    reflected = nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect")
    body = (wrapped, nn.ReLU(), reflected, nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*body, nn.Linear(16, CLASSES)), pictures()


@animal("grouped and depthwise convolutions")
def grouped() -> tuple[nn.Module, Tensor]:
    depthwise = (nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 16, 1), nn.ReLU6(), nn.Conv2d(16, 16, 3, groups=4))
    return nn.Sequential(nn.Conv2d(1, 8, 3), *depthwise, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, CLASSES)), pictures()


class Positions(nn.Module):
    """Caches a tensor in its first forward."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last, self.cache = nn.Linear(16, 16), nn.Linear(16, CLASSES), None

    def forward(self, x: Tensor) -> Tensor:
        if self.cache is None:
            self.cache = torch.arange(16.0).cos()
        return self.last(self.first(x) * self.cache)


@animal("caches a tensor in its first forward")
def caching() -> tuple[nn.Module, Tensor]:
    return Positions(), rows()


class Pooling(nn.Module):
    """A learned query, expanded over the batch (CaiT, attention pooling)."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, 1, 16))
        self.embed, self.attention, self.head = (
            nn.Linear(4, 16),
            nn.MultiheadAttention(16, 2, batch_first=True),
            nn.Linear(16, CLASSES),
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x.unflatten(1, (4, 4)))
        return self.head(self.attention(self.query.expand(len(x), -1, -1), h, h)[0][:, 0])


@animal("a learned query that is expanded over the batch")
def learned_query() -> tuple[nn.Module, Tensor]:
    return Pooling(), rows()


class OwnParameters(nn.Module):
    """Matrices without any layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.randn(16, 32)), nn.Parameter(torch.randn(32, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x @ self.a) @ self.b


@animal("parameters of its own, no layer")
def parameters_only() -> tuple[nn.Module, Tensor]:
    return OwnParameters(), rows()


class Renamed(nn.Linear):
    """A subclass without a forward of its own."""


class Activated(nn.Linear):
    """A subclass with a forward of its own."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.relu(super().forward(input))


@animal("a subclass of nn.Linear without a forward of its own (timm.layers.Linear)")
def subclass() -> tuple[nn.Module, Tensor]:
    return nn.Sequential(Renamed(16, 32), nn.ReLU(), Renamed(32, 16), nn.ReLU(), Renamed(16, CLASSES)), rows()


@animal("a subclass of nn.Linear with a forward of its own")
def own_forward() -> tuple[nn.Module, Tensor]:
    return nn.Sequential(Activated(16, 32), Activated(32, 16), nn.Linear(16, CLASSES)), rows()


class NormFree(nn.Module):
    """Residual blocks with learned gains, no normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(1, 16, 3, 2, 1), nn.Linear(16, CLASSES)
        self.blocks = nn.ModuleList(nn.Conv2d(16, 16, 3, padding=1) for _ in range(2))
        self.gains = nn.ParameterList(nn.Parameter(torch.tensor(0.2)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x)
        for block, gain in zip(self.blocks, self.gains, strict=True):
            h = h + gain * block(F.relu(h))
        return self.head(h.mean((2, 3)))


@animal("residual blocks without normalisation")
def norm_free() -> tuple[nn.Module, Tensor]:
    return NormFree(), pictures()


class FeedForward(nn.Module):
    """A feed-forward block with functional dropout and an optional argument."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16)

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        return self.fc2(F.dropout(self.act(self.fc1(x)), 0.1, self.training)) * scale


class Blocks(nn.Module):
    """Calls the block with its optional argument."""

    def __init__(self) -> None:
        super().__init__()
        self.block, self.head = FeedForward(), nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x + self.block(x, 0.5))


@animal("a feed-forward block with functional dropout and an optional argument", "keywords")
def feed_forward() -> tuple[nn.Module, Tensor]:
    return Blocks(), rows()


@animal("two classes", classes=2)
def binary() -> tuple[nn.Module, Tensor]:
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 2)), rows()
