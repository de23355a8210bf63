"""The rules that come with labkit, one file each; importing a file registers its rule, in this order."""

# isort: off
from labkit.sparsify.rules import static, set_evolution, rigl, srigl, srigl_no_ablation, gmp, n_of_m

__all__ = ["gmp", "n_of_m", "rigl", "set_evolution", "srigl", "srigl_no_ablation", "static"]
