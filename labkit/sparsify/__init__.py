"""Training sparse from the start: topologies that change while a network learns."""

from labkit.sparsify.callback import SparsifierCallback
from labkit.sparsify.distribution import DISTRIBUTIONS, densities, erdos_renyi, erk, nonzeros, uniform
from labkit.sparsify.film import MaskFilm, frames
from labkit.sparsify.flops import TrainingFlops, training_flops
from labkit.sparsify.methods import TOPOLOGIES, gmp, n_of_m, rigl, set, srigl, srigl_no_ablation, static
from labkit.sparsify.schedule import Schedule, cubic_sparsity, sensible_interval
from labkit.sparsify.sparsifier import Sparsifier, eligible

__all__ = [
    "DISTRIBUTIONS",
    "TOPOLOGIES",
    "MaskFilm",
    "Schedule",
    "Sparsifier",
    "SparsifierCallback",
    "TrainingFlops",
    "cubic_sparsity",
    "densities",
    "eligible",
    "erdos_renyi",
    "erk",
    "frames",
    "gmp",
    "n_of_m",
    "nonzeros",
    "rigl",
    "sensible_interval",
    "set",
    "srigl",
    "srigl_no_ablation",
    "static",
    "training_flops",
    "uniform",
]
