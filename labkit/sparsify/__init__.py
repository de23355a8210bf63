"""Sparse training: networks whose connections change by a rule while they learn."""

from collections.abc import Callable

from labkit.registry import load_entry_points
from labkit.sparsify import rules as _rules  # noqa: F401  (registers the rules that come with labkit)
from labkit.sparsify.callback import SparsifierCallback
from labkit.sparsify.distribution import DISTRIBUTIONS, densities, erdos_renyi, erk, nonzeros, uniform
from labkit.sparsify.film import MaskFilm, frames
from labkit.sparsify.flops import TrainingFlops, training_flops
from labkit.sparsify.functions import gmp, make_sparse, n_of_m, rigl, set_evolution, srigl, srigl_no_ablation, static
from labkit.sparsify.rule import COMMON_PARAMS, DENSE, RULES, Rule, get_rule, register_rule, rule_or_dense
from labkit.sparsify.schedule import Schedule, cubic_sparsity, sensible_interval
from labkit.sparsify.sparsifier import Sparsifier
from labkit.sparsify.update_rule import UpdateRule, View
from labkit.sparsify.weights import eligible

__all__ = [
    "COMMON_PARAMS",
    "DENSE",
    "DISTRIBUTIONS",
    "RULES",
    "MaskFilm",
    "Rule",
    "Schedule",
    "Sparsifier",
    "SparsifierCallback",
    "TrainingFlops",
    "UpdateRule",
    "View",
    "cubic_sparsity",
    "densities",
    "eligible",
    "erdos_renyi",
    "erk",
    "frames",
    "get_rule",
    "gmp",
    "make_sparse",
    "n_of_m",
    "nonzeros",
    "register_rule",
    "rigl",
    "rule_or_dense",
    "sensible_interval",
    "set_evolution",
    "srigl",
    "srigl_no_ablation",
    "static",
    "training_flops",
    "uniform",
]


def __getattr__(name: str) -> Callable[..., Sparsifier]:
    """``sparsify.set`` is `set_evolution`: defined here it would shadow the builtin."""
    if name == "set":
        return set_evolution
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


load_entry_points("labkit.rules")
