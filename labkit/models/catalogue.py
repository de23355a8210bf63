"""`load`: reference models by name, timm models, and weights from files."""

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
from labkit.models.card import WEIGHTS, Card, read_card, weights_in_words
from labkit.models.own import build, is_own
from labkit.models.provenance import source
from labkit.models.small_mlp import SMALL_MLP, build_small_mlp
from labkit.seeds import checked_seed
from labkit.words import shortly

if TYPE_CHECKING:
    from labkit.models.recipe import Recipe

NAMES = ("mlp_mnist", "lenet_mnist", "resnet_fashion", "vit_fashion", "mlp_adult")
log = logging.getLogger("labkit")


def get_recipe(name: str) -> Recipe:
    """Return the recipe of a reference model, importing its module, which may take seconds because of timm.

    Parameters
    ----------
    name : str
        A name of `NAMES`.

    Returns
    -------
    Recipe
        Architecture and training settings.

    Raises
    ------
    ValueError
        If the name is unknown; the message suggests similar ones.
    """
    if name not in NAMES:
        raise unknown_name("model", name, NAMES, "or timm:NAME for any timm model")
    return import_module(f"labkit.models.{name}").RECIPE


def cards() -> dict[str, Card]:
    """Read the cards of all reference models with weights.

    Returns
    -------
    dict
        Name -> Card.
    """
    return {name: read_card(WEIGHTS / f"{name}.json") for name in NAMES if (WEIGHTS / f"{name}.json").exists()}


def input_shape(name: str) -> tuple[int, ...]:
    """Return the input shape of a model, without the batch.

    Parameters
    ----------
    name : str
        A reference model or ``timm:NAME``.

    Returns
    -------
    tuple of int
        (C, H, W) or (D,).
    """
    if name.startswith("timm:"):
        from labkit.models.from_timm import input_size  # local: importing timm takes seconds

        return input_size(name.removeprefix("timm:"))
    return get_recipe(name).shape


def load(name: str, *, weights: str | os.PathLike | None = None, seed: int = 0, **options: Any) -> nn.Module:
    """Load a model in eval mode.

    What was loaded is logged by the logger "labkit" and stored in ``model.loaded_from``.

    Parameters
    ----------
    name : str
        A reference model (bundled trained weights), or ``timm:NAME`` or ``small_mlp`` (random weights, unless `weights` is given).
        A network of the user's own, ``module:function`` or ``file.py:function``, only where the command line has named it.
    weights : path, optional
        A .safetensors file or a torch checkpoint of tensors (read with ``weights_only=True``), see `load_weights`.
    seed : int
        Of random weights; the caller's random state is neither used nor changed.
    **options
        For ``timm:NAME``, passed to `timm.create_model`, e.g. ``num_classes=10, in_chans=1``; ``small_mlp`` needs these two.

    Returns
    -------
    nn.Module
        Takes float32 images [N, C, H, W] in [0, 1], or rows [N, D]; normalisation is its first layer.

    Raises
    ------
    ValueError
        If the name is unknown (the message suggests similar ones), or weights are missing, damaged, of another shape or not
        finite.
    TypeError
        If options are given for a reference model.

    Examples
    --------
    >>> model = load("mlp_mnist")
    >>> model(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    seed = checked_seed(seed)
    origin = {"name": name, "options": options}
    if name.startswith("timm:"):
        from labkit.models.from_timm import create  # local: importing timm takes seconds

        model, what = create(name.removeprefix("timm:"), weights, options, seed)
        return _announced(model, what, origin, source(name, weights, seed, options, random=weights is None))
    if is_own(name):
        model = build(name, **options, seed=seed)
        words = weights_in_words(model, weights, seed, "the weights that its function gives")
        return _announced(model, f"{name} with {words}", origin, source(name, weights, seed, options))
    if name == SMALL_MLP:
        model = _small_mlp(options, seed)
        words = weights_in_words(model, weights, seed)
        return _announced(model, f"{name} with {words}", origin, source(name, weights, seed, options, random=weights is None))
    if options:
        raise TypeError(f"{name} takes no options, got {shortly(sorted(options))}; they belong to timm:NAME")
    chosen = get_recipe(name)
    with torch.random.fork_rng(devices=[]):
        model = chosen.build().eval()
    path = Path(weights) if weights is not None else WEIGHTS / f"{name}.safetensors"
    if weights is None:
        _check_shipped(name, path)
    words = weights_in_words(model, path, seed)
    return _announced(model, f"{name} with {words}", origin, source(name, weights, None, {}))


def architecture(origin: dict[str, Any]) -> nn.Module:
    """Build a model of `load` without its trained weights.

    Parameters
    ----------
    origin : dict
        "name" and "options", as `load` stores them in ``model.labkit_origin``.

    Returns
    -------
    nn.Module
        With random weights.

    Raises
    ------
    ValueError
        For a network of the user's own that was not registered in this process: a stored name imports no code.
    """
    if not isinstance(origin, dict) or not isinstance(origin.get("name"), str) or not isinstance(origin.get("options"), dict):
        raise ValueError(f"an architecture is described by its name and options, got {shortly(origin, 100)}")
    name, options = origin["name"], origin["options"]
    if name.startswith("timm:"):
        from labkit.models.from_timm import create  # local: importing timm takes seconds

        model, _ = create(name.removeprefix("timm:"), None, options)
    elif is_own(name):
        model = build(name, **options)
    elif name == SMALL_MLP:
        model = _small_mlp(options)
    else:
        with torch.random.fork_rng(devices=[]):
            model = get_recipe(name).build().eval()
    model.labkit_origin = origin  # type: ignore[assignment]
    return model


def _small_mlp(options: dict[str, Any], seed: int = 0) -> nn.Module:
    if set(options) != {"num_classes", "in_chans"}:
        raise ValueError(f"{SMALL_MLP} is built for a table; give num_classes= and in_chans=, the number of its columns")
    return build_small_mlp(**options, seed=seed)


def _check_shipped(name: str, path: Path) -> None:
    if not path.is_file():
        raise ValueError(f"{name} has no weights yet ({path} is missing); make them with: labkit train {name}")
    card = read_card(path.with_suffix(".json"))
    if sha256(path) != card.sha256:
        raise ValueError(f"{path} is not the file its card describes (sha256 differs); get it again or run: labkit train {name}")


def _announced(model: nn.Module, what: str, origin: dict[str, Any], found: dict[str, Any]) -> nn.Module:
    model.loaded_from = what  # type: ignore[assignment]
    model.labkit_origin = origin  # type: ignore[assignment]
    model.labkit_source = found  # type: ignore[assignment]
    log.info("loaded %s", what)
    return model
