"""How many outputs each weight of a reference network has."""

from __future__ import annotations

from functools import cache

import torch

from labkit.models.catalogue import get_recipe


@cache
def neurons(name: str) -> dict[str, int]:
    """Return parameter name -> outputs, of every weight of a reference model that is no vector.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> neurons("mlp_mnist")
    {'fc1.weight': 300, 'fc2.weight': 100, 'fc3.weight': 10}
    """
    with torch.device("meta"):  # shapes alone
        model = get_recipe(name).build()
    return {name: len(weight) for name, weight in model.named_parameters() if weight.ndim > 1}
