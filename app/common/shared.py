"""What is computed once for all visitors of a page: a function of the runs, which no visitor may change."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import streamlit as st

from common.shell import options
from labkit.runs import Library
from labkit.stamps import stamp

P = ParamSpec("P")
T = TypeVar("T")

KEPT = 64  # answers of one function


def shared(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function of a library and of what else can be hashed; arguments whose names begin with ``_`` are not compared.

    Its answer is known by the library, its damaged runs and the plugins, which bring measures and methods. All visitors are given
    the same object: change a copy.
    """
    cached: Callable[P, T] = st.cache_resource(max_entries=KEPT, show_spinner=False, hash_funcs={Library: _contents})(function)
    return cached


def _contents(shelf: Library) -> tuple:
    return shelf.number, len(shelf.damaged), tuple(stamp(plugin) for plugin in options().plugins)
