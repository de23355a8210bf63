"""Drop-in replacements for dense layers, and manifests from which a model with them can be rebuilt."""

from labkit.layers.bitmask import BitmaskLinear, packed_bits, unpacked_bits
from labkit.layers.bitmask_conv import BitmaskConv
from labkit.layers.blueprints import blueprint, build
from labkit.layers.condensed import CondensedWeight
from labkit.layers.copying import copied
from labkit.layers.facts import add_notes, attach_facts, facts_of, notes_of
from labkit.layers.fixed_fan_in import FixedFanInLinear
from labkit.layers.fixed_fan_in_conv import FixedFanInConv1d, FixedFanInConv2d
from labkit.layers.fixed_fan_in_mlp import FixedFanInMLP
from labkit.layers.hooks import customised
from labkit.layers.int8 import Int8Linear
from labkit.layers.int8_conv import Int8Conv
from labkit.layers.low_rank import LowRankLinear, truncated_svd
from labkit.layers.low_rank_conv import LowRankConv1d, LowRankConv2d
from labkit.layers.manifest import describe_layers, is_registered, rebuild_layers, register_layer, replace_layer
from labkit.layers.shared_basis import SharedBasisLinear
from labkit.layers.shared_basis_conv import SharedBasisConv

__all__ = [
    "BitmaskConv",
    "BitmaskLinear",
    "CondensedWeight",
    "FixedFanInConv1d",
    "FixedFanInConv2d",
    "FixedFanInLinear",
    "FixedFanInMLP",
    "Int8Conv",
    "Int8Linear",
    "LowRankConv1d",
    "LowRankConv2d",
    "LowRankLinear",
    "SharedBasisConv",
    "SharedBasisLinear",
    "add_notes",
    "attach_facts",
    "blueprint",
    "build",
    "copied",
    "customised",
    "describe_layers",
    "facts_of",
    "is_registered",
    "notes_of",
    "packed_bits",
    "rebuild_layers",
    "register_layer",
    "replace_layer",
    "truncated_svd",
    "unpacked_bits",
]
