"""A whole network in, a whole network out: one file a method, one registry."""

from labkit.compress.calibration import calibration_inputs
from labkit.compress.condense import condense
from labkit.compress.fips import fips
from labkit.compress.low_rank import low_rank
from labkit.compress.magnitude import magnitude
from labkit.compress.method import METHODS, Method, get_method, register
from labkit.compress.quantize import quantize
from labkit.compress.select import select_layers
from labkit.compress.sharing import sharing
from labkit.compress.srigl import srigl
from labkit.plugins import load_plugin
from labkit.registry import Choice, Param, load_entry_points

load_entry_points("labkit.methods")

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
