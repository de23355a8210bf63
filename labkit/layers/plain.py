"""Whether a layer computes what nn.Linear or a convolution of torch computes, and its weight as it is now."""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from labkit.layers.copying import copied
from labkit.layers.hooks import SpectralNorm, WeightNorm, is_patched, weight_hooks

BASES: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
METHODS = ("forward", "_conv_forward")


def base_of(layer: nn.Module) -> type[nn.Module] | None:
    """Return the class of torch that a layer is an instance of, among linear layers and convolutions; None for other modules."""
    return next((base for base in BASES if isinstance(layer, base)), None)


def own_forward(layer: nn.Module) -> bool:
    """Whether the class of a linear layer or convolution has a forward of its own in place of torch's."""
    base = base_of(layer)
    return any(getattr(type(layer), name, None) is not getattr(base, name, None) for name in METHODS)


def computes_alike(layer: nn.Module) -> bool:
    """Whether a linear layer or convolution computes what torch's class does, in eval and in training mode.

    A forward of its own is tried on random inputs of several sizes, on a copy; a layer with further parameters or buffers, or whose
    forward takes more than one argument, does not count as alike, as these may come to matter later.

    Parameters
    ----------
    layer : nn.Module
        Not changed.

    Returns
    -------
    bool
    """
    if is_patched(layer):
        return False
    if not own_forward(layer):
        return True
    if not _is_simple(layer):
        return False
    twin = copied(layer)
    twin._forward_hooks.clear()
    twin._forward_pre_hooks.clear()
    return all(_same(twin.train(mode), x) for mode in (False, True) for x in examples(layer))


def is_linear_in_its_weight(layer: nn.Module) -> bool:
    """Whether the output is linear in the weight, so that a weight of zero is a connection that is not there.

    It is not where a layer standardises or normalises its weight before it computes.

    Parameters
    ----------
    layer : nn.Module
        A linear layer or convolution, not changed.

    Returns
    -------
    bool
    """
    if not own_forward(layer) and not is_patched(layer):
        return True
    if is_patched(layer) or not isinstance(layer._parameters.get("weight"), nn.Parameter):
        return False
    twin = copied(layer).eval()
    twin._forward_hooks.clear()
    twin._forward_pre_hooks.clear()
    generator = torch.Generator().manual_seed(0)
    weight: Any = twin.weight
    first, second = (torch.randn(weight.shape, generator=generator).to(weight) for _ in range(2))

    def output(value: Tensor, x: Tensor) -> Tensor:
        weight.copy_(value)
        return twin(x)

    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            return all(
                _close(output(first + second, x), output(first, x) + output(second, x) - output(0 * first, x))
                for x in examples(layer)
            )
        except Exception:  # whatever a forward that is not ours may raise: the layer takes other inputs than torch's
            return False


def examples(layer: Any) -> list[Tensor]:
    """Return small random inputs of a linear layer or convolution, of several sizes."""
    generator = torch.Generator().manual_seed(0)
    if isinstance(layer, nn.Linear):
        shapes: list[tuple[int, ...]] = [(3, layer.in_features), (2, 3, layer.in_features)]
    else:
        reach = [dilation * (size - 1) + 1 for size, dilation in zip(layer.kernel_size, layer.dilation, strict=True)]
        shapes = [(2, layer.in_channels, *(size + more for size in reach)) for more in (0, 1, 2, 3)]
    return [torch.randn(shape, generator=generator).to(layer.weight) for shape in shapes]


def _is_simple(layer: nn.Module) -> bool:
    """Whether it has no state but weight and bias, and its forward takes one argument."""
    names = {name for name, _ in itertools.chain(layer.named_parameters(), layer.named_buffers())}
    try:
        arguments = list(inspect.signature(layer.forward).parameters.values())
    except (TypeError, ValueError):
        return False
    return names <= {"weight", "bias"} and len(arguments) == 1 and not list(layer.children())


def _same(layer: Any, x: Tensor) -> bool:
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            if isinstance(layer, nn.Linear):
                wanted = F.linear(x, layer.weight, layer.bias)
            else:
                wanted = base_of(layer)._conv_forward(layer, x, layer.weight, layer.bias)  # type: ignore[union-attr]
            return _close(layer(x), wanted)
        except Exception:  # whatever a forward that is not ours may raise: the layer takes other inputs than torch's
            return False


def _close(got: Any, wanted: Tensor) -> bool:
    scale = float(wanted.abs().max()) if wanted.numel() else 0.0
    same = isinstance(got, Tensor) and got.shape == wanted.shape and got.dtype == wanted.dtype
    return same and bool(torch.allclose(got, wanted, rtol=0, atol=1e3 * torch.finfo(wanted.dtype).eps * (scale + 1e-30)))


def is_computed(layer: nn.Module) -> bool:
    """Whether the weight is computed from other parameters, by a parametrization or a hook of ``torch.nn.utils``."""
    return parametrize.is_parametrized(layer) or bool(weight_hooks(layer))


def how_computed(layer: Any) -> str:
    """Name what computes the weight of a layer, e.g. "WeightNorm"."""
    kinds = [type(hook).__name__ for hook in weight_hooks(layer)]
    if parametrize.is_parametrized(layer):
        kinds += [type(part).__name__.lstrip("_") for parts in layer.parametrizations.values() for part in parts]
    return ", ".join(dict.fromkeys(kinds))


def how_to_fix(layer: nn.Module) -> str:
    """The function of torch that makes a computed weight a parameter again, as an order."""
    if parametrize.is_parametrized(layer):
        return "call torch.nn.utils.parametrize.remove_parametrizations"
    hook = weight_hooks(layer)[0]
    calls = {WeightNorm: "torch.nn.utils.remove_weight_norm", SpectralNorm: "torch.nn.utils.remove_spectral_norm"}
    return f"call {calls.get(type(hook), 'torch.nn.utils.prune.remove')}"


def folded(layer: Any) -> nn.Module:
    """Return a plain layer with the weight and bias that a layer with a computed weight has now, in eval mode.

    The weight is computed anew, on a copy: what a hook has left behind may be older than the parameters that were loaded since.

    Parameters
    ----------
    layer : nn.Module
        A linear layer or convolution, not changed.

    Returns
    -------
    nn.Module
        An nn.Linear, nn.Conv1d, nn.Conv2d or nn.Conv3d.
    """
    twin: Any = copied(layer).eval()
    for hook in weight_hooks(twin):
        hook(twin, None)
    base: Any = base_of(layer)
    if isinstance(layer, nn.Linear):
        made = base(layer.in_features, layer.out_features, device="meta")
    else:
        sizes = {name: getattr(layer, name) for name in ("kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")}
        made = base(layer.in_channels, layer.out_channels, **sizes, device="meta")
    made.weight = nn.Parameter(twin.weight.detach().clone())
    made.bias = None if twin.bias is None else nn.Parameter(twin.bias.detach().clone())
    return made.train(layer.training)
