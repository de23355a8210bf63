"""Cost of a module: parameters, nonzeros, bytes by kind, multiply-accumulates, latency, throughput."""

from labkit.cost.macs import macs_by_module
from labkit.cost.report import Cost, cost
from labkit.cost.storage import bytes_by_kind, count_nonzeros, count_parameters
from labkit.cost.timing import Latency, Throughput, latency, throughput

__all__ = [
    "Cost",
    "Latency",
    "Throughput",
    "bytes_by_kind",
    "cost",
    "count_nonzeros",
    "count_parameters",
    "latency",
    "macs_by_module",
    "throughput",
]
