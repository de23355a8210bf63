"""A damaged file in numba's cache counts as missing: a full disk leaves such files, and they would stop every kernel for good."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from numba.core.caching import IndexDataCacheFile


def forgive_damaged_files() -> None:
    """Make numba compile again what it cannot read from its cache; the file is then written anew."""
    for name, instead in (("_load_index", _no_entries), ("_load_data", _no_data)):
        load = getattr(IndexDataCacheFile, name, None)
        if load is not None and not hasattr(load, "forgives"):
            setattr(IndexDataCacheFile, name, _forgiving(load, instead))


def _forgiving(load: Callable[..., Any], instead: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(load)
    def loaded(self: Any, *args: Any) -> Any:
        try:
            return load(self, *args)
        except OSError:  # numba's own matter
            raise
        except Exception as error:  # pickles that were cut off end in errors of many types
            warnings.warn(
                f"a compiled kernel in {self._cache_path} is damaged ({type(error).__name__}) and is compiled again; "
                "remove that folder if this is said again",
                stacklevel=2,
            )
            return instead()

    loaded.forgives = True  # type: ignore[attr-defined]
    return loaded


def _no_entries() -> dict:
    return {}


def _no_data() -> Any:
    raise FileNotFoundError  # as of a file that was removed, which numba compiles again
