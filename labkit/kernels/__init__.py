"""Fixed fan-in products, the operation behind condensed layers: every output has the same number of connections.

The SRigL paper (Lasby et al., ICLR 2024) calls this *constant fan-in*.
"""

from labkit.kernels.op import fixed_fan_in, fixed_fan_in_mlp
from labkit.kernels.topology import Topology

__all__ = ["Topology", "fixed_fan_in", "fixed_fan_in_mlp"]
