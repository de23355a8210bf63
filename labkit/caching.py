"""A cache for functions that many threads call at once: what one computes, the others wait for."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def shared_cache(maxsize: int | None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a function like ``functools.lru_cache``, which computes the same answer once for every thread that asks meanwhile.

    Parameters
    ----------
    maxsize : int or None
        Answers that are kept.

    Returns
    -------
    callable
        The decorator.

    Examples
    --------
    >>> calls = []
    >>> @shared_cache(maxsize=2)
    ... def double(value):
    ...     calls.append(value)
    ...     return 2 * value
    >>> double(3), double(3), calls
    (6, 6, [3])
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        known, lock = functools.lru_cache(maxsize)(function), threading.RLock()

        @functools.wraps(function)
        def answer(*args: P.args, **kwargs: P.kwargs) -> T:
            with lock:
                return known(*args, **kwargs)  # type: ignore[arg-type]

        answer.cache_clear = known.cache_clear  # type: ignore[attr-defined]
        answer.cache_info = known.cache_info  # type: ignore[attr-defined]
        return answer

    return decorate
