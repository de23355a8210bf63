"""The runs that ship with labkit."""

from pathlib import Path

from labkit.runs.store import Store

GALLERY = Path(__file__).parent / "shipped"

GRIDS = (
    {
        "models": ["vit_fashion", "resnet_fashion"],
        "methods": {
            "condense": {"sparsity": [0.5, 0.7, 0.9], "layers": ["inner", "all"]},
            "low_rank": {"budget": [0.25, 0.5, 0.75], "layers": ["inner", "all"]},
            "quantize": {"mode": ["dynamic", "weight_only"]},
        },
    },
    {"models": ["vit_fashion"], "methods": {"condense": {"sparsity": [0.5, 0.7, 0.8, 0.9], "layers": "mlp"}}},
    {
        "models": ["mlp_adult"],
        "methods": {
            "condense": {"sparsity": [0.5, 0.8, 0.9]},
            "low_rank": {"budget": [0.25, 0.5]},
            "quantize": {"mode": ["dynamic"]},
        },
    },
)


def gallery() -> Store:
    """Return the store of the runs that ship: figures and predictions, without weights.

    Returns
    -------
    Store
    """
    return Store(GALLERY)
