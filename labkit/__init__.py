"""labkit: compress a neural network by many methods and measure what each one costs."""

import os
from importlib import import_module
from typing import Any

__version__ = "0.1.0"
# os instead of pkgutil, which imports inspect and doubles the time of `import labkit`
_ROOMS = frozenset(name for name in os.listdir(__path__[0]) if os.path.isfile(os.path.join(__path__[0], name, "__init__.py")))


def __getattr__(name: str) -> Any:
    """Import a subpackage when it is first used, so that ``import labkit`` costs no torch."""
    if name in _ROOMS:
        return import_module(f"labkit.{name}")
    raise AttributeError(f"module 'labkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})
