"""`lower`: a copy of a network without layers of labkit, for formats that know torch's operators only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from labkit.export.plain_layers import (
    GatheredLinear,
    Held,
    HeldCodes,
    HeldDense,
    HeldNonzeros,
    PlainConv,
    PlainLinear,
    PlainSharedBasis,
    index_type,
)
from labkit.layers import (
    BitmaskConv,
    BitmaskLinear,
    FixedFanInConv1d,
    FixedFanInConv2d,
    FixedFanInLinear,
    FixedFanInMLP,
    Int8Conv,
    Int8Linear,
    LowRankConv1d,
    LowRankConv2d,
    LowRankLinear,
    SharedBasisConv,
    SharedBasisLinear,
    copied,
    replace_layer,
    unpacked_bits,
)
from labkit.layers.convolution import dense_convolution
from labkit.layers.dense import dense_linear

GATHERED = 2048  # nonzeros up to which inputs are gathered; with more, the copies of the inputs take too much memory
FORMS = {
    "dense": "as dense weights",
    "gather": "as values and indices that gather the inputs",
    "nonzeros": "as values and indices that are put into a dense weight when the network runs",
    "int8": "as 8-bit codes with a scale for each output",
    "factors": "as two dense factors",
}


@dataclass(frozen=True)
class Choice:
    """The form in which a layer is exported.

    Attributes
    ----------
    path : str
    form : str
        A key of `FORMS`.
    bytes : int
        Of the weight in this form, without bias; of a shared basis without the basis.
    dense : int
        Bytes of the dense weight.
    """

    path: str
    form: str
    bytes: int
    dense: int


@dataclass(frozen=True)
class Lowered:
    """A network of torch operators, and what was chosen for its layers.

    Attributes
    ----------
    network : nn.Module
    choices : tuple of Choice
    rounds : bool
        Whether it rounds activations to 8 bits.
    """

    network: nn.Module
    choices: tuple[Choice, ...] = ()
    rounds: bool = False

    def notes(self) -> tuple[str, ...]:
        """Say the chosen forms and their bytes, one sentence for each form.

        Returns
        -------
        tuple of str
        """
        sentences = []
        for form, words in FORMS.items():
            found = [choice for choice in self.choices if choice.form == form]
            if found:
                size, dense = (sum(getattr(choice, name) for choice in found) for name in ("bytes", "dense"))
                layers = "1 layer is" if len(found) == 1 else f"{len(found)} layers are"
                than = "" if size == dense else f" instead of {dense:,}"
                sentences.append(f"{layers} stored {words} ({size:,} bytes{than})")
        return tuple(sentences)


@dataclass
class _Notebook:
    """What is written down while a network is lowered."""

    choices: list[Choice] = field(default_factory=list)
    rounds: bool = False
    done: dict[int, nn.Module] = field(default_factory=dict)


def lower(model: nn.Module) -> Lowered:
    """Return a copy of a network in which layers of torch operators stand for those of labkit.

    Condensed layers and bit masks become values and indices where that is smaller than the dense weight, else dense layers;
    low-rank layers become two layers; 8-bit layers keep their codes. A layer of a plugin is lowered by its own method
    ``lowered() -> nn.Module`` where it has one, and is else left as it is.

    Parameters
    ----------
    model : nn.Module
        Not changed.

    Returns
    -------
    Lowered
        In eval mode.
    """
    network, notebook = copied(model).eval(), _Notebook()
    if type(network) in RULES or callable(getattr(network, "lowered", None)):
        return Lowered(_lowered(network, "", notebook).eval(), tuple(notebook.choices), notebook.rounds)
    replaced: list[str] = []
    for path, module in list(network.named_modules(remove_duplicate=False)):
        inside = any(path.startswith(f"{outer}.") for outer in replaced)
        if path and not inside and (type(module) in RULES or callable(getattr(module, "lowered", None))):
            replace_layer(network, path, _lowered(module, path, notebook))
            replaced.append(path)
    for weight in network.parameters():
        weight.requires_grad_(False)
    return Lowered(network.eval(), tuple(notebook.choices), notebook.rounds)


def _lowered(layer: nn.Module, path: str, notebook: _Notebook) -> nn.Module:
    if id(layer) not in notebook.done:
        rule = RULES.get(type(layer))
        made = layer.lowered() if rule is None else rule(layer, path, notebook)  # type: ignore[operator]
        notebook.done[id(layer)] = made.train(layer.training)
    return notebook.done[id(layer)]


def _note(notebook: _Notebook, path: str, form: str, tensors: list[Tensor], dense: int) -> None:
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    notebook.choices.append(Choice(path, form, size, dense))


def _held(layer: Any) -> tuple[Held, str]:
    """The smaller form of the weight of a condensed or masked layer, and its name."""
    if isinstance(layer, (BitmaskLinear, BitmaskConv)):
        mask = unpacked_bits(layer.pattern, layer.width)
        values, index, width = layer.values[None], mask.flatten().nonzero().view(1, -1), mask.numel()
        shape = (len(mask), layer.width)
        distinct = True
    else:
        values, index, width = layer.weight, layer.index.to(torch.int64), layer.width
        shape = (len(values), width)
        distinct = bool((index.sort(1).values.diff(dim=1) != 0).all())
    room = values.numel() * (values.element_size() + torch.empty(0, dtype=index_type(width)).element_size())
    if distinct and room < shape[0] * shape[1] * values.element_size():
        return HeldNonzeros(values, index, width, shape), "nonzeros"
    return HeldDense(layer.matrix() if hasattr(layer, "matrix") else layer.dense().flatten(1)), "dense"


def _sparse(layer: Any, path: str, notebook: _Notebook) -> nn.Module:
    """Condensed and masked layers."""
    held, form = _held(layer)
    matrix = held.matrix()
    dense = matrix.numel() * matrix.element_size()
    if form == "nonzeros" and isinstance(layer, FixedFanInLinear) and layer.weight.numel() <= GATHERED:
        made = GatheredLinear(layer.weight, layer.index.to(torch.int64), layer.width, layer.bias)
        _note(notebook, path, "gather", [made.values, made.index], dense)
        return made
    _note(notebook, path, form, [*held.parameters(), *held.buffers()], dense)
    if form == "dense":
        return layer.to_dense()
    conv = getattr(layer, "conv", None)
    return PlainLinear(held, layer.bias) if conv is None else PlainConv(conv, held, layer.bias)


def _block(layer: Any, path: str, notebook: _Notebook) -> nn.Module:
    """A fused feed-forward block, as its three parts."""
    first, second = (_lowered(part, f"{path}.{name}", notebook) for name, part in (("fc1", layer.fc1), ("fc2", layer.fc2)))
    return nn.Sequential(first, layer.act, second)


def _coded(layer: Any, path: str, notebook: _Notebook) -> nn.Module:
    """8-bit layers."""
    held = HeldCodes(layer.codes, layer.scale, layer.dtype)
    _note(notebook, path, "int8", [held.codes, held.scale], layer.codes.numel() * torch.empty(0, dtype=layer.dtype).element_size())
    if isinstance(layer, Int8Conv):
        return PlainConv(layer.conv, held, layer.bias)
    rounds = layer.mode == "dynamic"
    notebook.rounds |= rounds
    return PlainLinear(held, layer.bias, rounds=rounds)


def _factored(layer: Any, path: str, notebook: _Notebook) -> nn.Module:
    """Low-rank layers."""
    down, up = layer.down.detach().clone(), layer.up.detach().clone()
    _note(notebook, path, "factors", [down, up], up.shape[0] * down[0].numel() * up.element_size())
    if isinstance(layer, LowRankLinear):
        return nn.Sequential(dense_linear(down, None, training=False), dense_linear(up, layer.bias, training=False))
    thin = dense_convolution({**layer.conv, "out_channels": layer.rank}, down.flatten(1), None, training=False)
    places = len(layer.conv["kernel_size"])
    single = {"in_channels": layer.rank, "out_channels": len(up), "kernel_size": [1] * places, "stride": [1] * places}
    single |= {"padding": [0] * places, "dilation": [1] * places, "groups": 1}
    return nn.Sequential(thin, dense_convolution(single, up, layer.bias, training=False))


def _shared(layer: Any, path: str, notebook: _Notebook) -> nn.Module:
    """Layers with a shared basis."""
    held, form = _held(layer.factor)
    dense = layer.width * layer.hidden * layer.base.element_size()
    _note(notebook, path, form, [*held.parameters(), *held.buffers()], dense)
    return PlainSharedBasis(layer.base, held, layer._own_bias, widens=layer.widens, spatial=getattr(layer, "spatial", 0))


Rule = Callable[[Any, str, _Notebook], nn.Module]
RULES: dict[type[nn.Module], Rule] = {
    BitmaskConv: _sparse,
    BitmaskLinear: _sparse,
    FixedFanInConv1d: _sparse,
    FixedFanInConv2d: _sparse,
    FixedFanInLinear: _sparse,
    FixedFanInMLP: _block,
    Int8Conv: _coded,
    Int8Linear: _coded,
    LowRankConv1d: _factored,
    LowRankConv2d: _factored,
    LowRankLinear: _factored,
    SharedBasisConv: _shared,
    SharedBasisLinear: _shared,
}
