"""FiPS: shared bases and sparse factors; closed form, fit by gradients, budget and diagnostics."""

from labkit.compress.methods.fips.diagnostics import sharing
from labkit.compress.methods.fips.method import fips

__all__ = ["fips", "sharing"]
