"""The readers of foreign input that are tried; a new one is a `Loader` in a module here and a line in this table."""

from importlib import import_module

from tools.soak.loaders.loader import Loader

# where each stands: torch is imported by the worker only
PLACES = {
    "image_folder": "pictures.LOADER",
    "from_csv": "csv.LOADER",
    "from_arrays": "arrays.LOADER",
    "weights": "weights.LOADER",
    "grids": "grids.LOADER",
    "timm": "networks.TIMM",
    "own_networks": "networks.OWN",
    "plugins": "plugins.LOADER",
    "runs": "stores.LOADER",
    "kernels.json": "caches.KERNELS",
    "checkpoints": "caches.CHECKPOINT",
    "cards": "caches.CARD",
    "encoders": "caches.ENCODER",
}


def find(name: str) -> Loader:
    """Return a loader by its name in the table."""
    module, _, attribute = PLACES[name].partition(".")
    return getattr(import_module(f"{__name__}.{module}"), attribute)
