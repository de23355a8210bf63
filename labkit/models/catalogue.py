"""`load`: reference models by name, any timm model, the user's own checkpoint."""

from __future__ import annotations

import logging
import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from labkit.files import sha256
from labkit.messages import unknown_name
from labkit.models.card import WEIGHTS, Card, load_weights, read_card

if TYPE_CHECKING:
    from labkit.models.recipe import Recipe

NAMES = ("mlp_mnist", "lenet_mnist", "resnet_fashion", "vit_fashion", "mlp_adult")
log = logging.getLogger("labkit")


def get_recipe(name: str) -> Recipe:
    """Return the recipe of a reference model; its file is imported only now, because timm takes seconds.

    Raises
    ------
    ValueError
        For an unknown name, with the nearest ones.
    """
    if name not in NAMES:
        raise unknown_name("model", name, NAMES, "or timm:NAME for any timm model")
    return import_module(f"labkit.models.{name}").RECIPE


def cards() -> dict[str, Card]:
    """Return the card of every reference model whose weights are shipped, by name."""
    return {name: read_card(WEIGHTS / f"{name}.json") for name in NAMES if (WEIGHTS / f"{name}.json").exists()}


def input_shape(name: str) -> tuple[int, ...]:
    """Return the shape of one input, without the batch, of a reference model or timm:NAME."""
    if name.startswith("timm:"):
        from labkit.models.from_timm import input_size

        return input_size(name.removeprefix("timm:"))
    return get_recipe(name).shape


def load(name: str, *, weights: str | os.PathLike | None = None, **options: Any) -> nn.Module:
    """Load a model in eval mode; what was loaded is logged (logger "labkit") and kept in ``model.loaded_from``.

    Parameters
    ----------
    name : str
        A reference model (trained weights, no network; inputs float32 [N, C, H, W] in [0, 1], or rows [N, D]), or
        ``timm:NAME`` (random weights, or `weights`; normalisation is put in front, from timm's configuration of that model).
    weights : path, optional
        A .safetensors file or a torch checkpoint of tensors (read with ``weights_only=True``).
    **options
        For ``timm:NAME``: passed to `timm.create_model`, e.g. ``num_classes=10, in_chans=1``.

    Raises
    ------
    ValueError
        For unknown names (nearest suggested), and weights that are missing, damaged, of another shape or not finite.

    Examples
    --------
    >>> model = load("mlp_mnist")
    >>> model(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    if name.startswith("timm:"):
        from labkit.models.from_timm import create

        model, what = create(name.removeprefix("timm:"), weights, options)
        return _announced(model, what, {"name": name, "options": options})
    if options:
        raise TypeError(f"{name} takes no options, got {sorted(options)}; they belong to timm:NAME")
    chosen = get_recipe(name)
    with torch.random.fork_rng():
        model = chosen.build().eval()
    path = Path(weights) if weights is not None else WEIGHTS / f"{name}.safetensors"
    if weights is None:
        _check_shipped(name, path)
    load_weights(model, path)
    return _announced(model, f"{name} with weights of {path.name}", {"name": name, "options": {}})


def architecture(origin: dict[str, Any]) -> nn.Module:
    """Build the network that ``origin`` (name and options, as `load` notes them on a model) names, without its weights."""
    name, options = origin["name"], origin["options"]
    with torch.random.fork_rng():
        if name.startswith("timm:"):
            from labkit.models.from_timm import create

            model, _ = create(name.removeprefix("timm:"), None, options)
        else:
            model = get_recipe(name).build().eval()
    model.labkit_origin = origin  # type: ignore[assignment]
    return model


def _check_shipped(name: str, path: Path) -> None:
    if not path.is_file():
        raise ValueError(f"{name} has no weights yet ({path} is missing); make them with: labkit train {name}")
    card = read_card(path.with_suffix(".json"))
    if sha256(path) != card.sha256:
        raise ValueError(f"{path} is not the file its card describes (sha256 differs); get it again or run: labkit train {name}")


def _announced(model: nn.Module, what: str, origin: dict[str, Any]) -> nn.Module:
    model.loaded_from = what  # type: ignore[assignment]
    model.labkit_origin = origin  # type: ignore[assignment]
    log.info("loaded %s", what)
    return model
