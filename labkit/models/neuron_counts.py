"""Numbers of neurons of the layers of a reference model."""

from __future__ import annotations

import torch

from labkit.caching import shared_cache
from labkit.models.catalogue import get_recipe


@shared_cache(maxsize=None)
def neurons(name: str) -> dict[str, int]:
    """Count the output neurons of every weight matrix and kernel of a reference model.

    Parameters
    ----------
    name : str
        A reference model.

    Returns
    -------
    dict
        Parameter name -> number of outputs; vectors are left out.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> neurons("mlp_mnist")
    {'fc1.weight': 300, 'fc2.weight': 100, 'fc3.weight': 10}
    """
    with torch.device("meta"):  # only shapes are needed
        model = get_recipe(name).build()
    return {name: len(weight) for name, weight in model.named_parameters() if weight.ndim > 1}
