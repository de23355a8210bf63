"""Compression methods: a network in, a smaller network out; one file or folder per method, one registry."""

from labkit.compress.inputs import calibration_inputs
from labkit.compress.method import METHODS, Method, get_method, register
from labkit.compress.methods.condense import condense
from labkit.compress.methods.fips import fips, sharing
from labkit.compress.methods.low_rank import low_rank
from labkit.compress.methods.magnitude import magnitude
from labkit.compress.methods.quantize import quantize
from labkit.compress.methods.srigl import srigl
from labkit.compress.select import select_layers
from labkit.compress.wording import described
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
    "described",
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
