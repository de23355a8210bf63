"""labkit: compress a network many ways and see at once what each way cost."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
_ROOMS = ("audit", "compress", "cost", "data", "figures", "kernels", "layers", "live", "models", "runs", "sparsify", "training")


def __getattr__(name: str) -> Any:
    """Import a room when it is first used, so that ``import labkit`` costs no torch."""
    if name in _ROOMS:
        return import_module(f"labkit.{name}")
    raise AttributeError(f"module 'labkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])
