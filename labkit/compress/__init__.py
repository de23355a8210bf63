"""A whole network in, a whole network out: one file a method, one registry."""

from labkit.compress.calibration import calibration_inputs
from labkit.compress.condense import condense
from labkit.compress.fips import fips
from labkit.compress.low_rank import low_rank
from labkit.compress.magnitude import magnitude
from labkit.compress.method import METHODS, Choice, Method, Param, get_method, register
from labkit.compress.plugins import load_entry_points, load_plugin
from labkit.compress.quantize import quantize
from labkit.compress.select import select_layers
from labkit.compress.sharing import sharing
from labkit.compress.srigl import srigl

load_entry_points()

__all__ = [
    "METHODS",
    "Choice",
    "Method",
    "Param",
    "calibration_inputs",
    "condense",
    "fips",
    "get_method",
    "load_entry_points",
    "load_plugin",
    "low_rank",
    "magnitude",
    "quantize",
    "register",
    "select_layers",
    "sharing",
    "srigl",
]
