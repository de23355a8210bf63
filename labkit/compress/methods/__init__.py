"""One file or folder per method; importing this package registers them."""

from labkit.compress.methods import condense, fips, low_rank, magnitude, quantize, srigl

__all__ = ["condense", "fips", "low_rank", "magnitude", "quantize", "srigl"]
