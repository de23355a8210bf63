"""A linear layer with fixed fan-in: the condensed layer of SRigL, with all outputs and biases."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.kernels import fixed_fan_in
from labkit.kernels.choice import MAX_CACHED, cached_dense_is_faster
from labkit.kernels.op import is_plain_cpu_call, needs_grad
from labkit.layers.condensed import CondensedWeight, fan_in_of, largest
from labkit.layers.dense import dense_linear
from labkit.layers.given import finite_weight

MIN_SPARSITY = 0.5  # up to this sparsity a pruned layer stays dense
KEPT_DENSE = (
    "at a sparsity of 50 % or less a pruned linear layer stays an nn.Linear, because with its indices the condensed form would be "
    "hardly smaller and not reliably faster; give a higher sparsity, or fan_in= to force the condensed form"
)


class FixedFanInLinear(CondensedWeight):
    """Drop-in for nn.Linear: ``y[b, n] = bias[n] + sum_k weight[n, k] * x[b, index[n, k]]``.

    It runs on `labkit.kernels.fixed_fan_in`. A small layer (up to 256 kB dense) also caches its dense weight and uses it for batch
    sizes at which that is faster. Unlike the published condensed layer it keeps every output and every bias: an ablated neuron,
    whose weights are all zero, still outputs its bias, and costs no multiplication on a CPU.

    Parameters
    ----------
    in_features : int
        Number of inputs.
    values : Tensor [out_features, fan_in]
        Values of the connections of each output.
    index : integer Tensor [out_features, fan_in]
        Input columns; stored as uint16 up to 65,536 inputs, int32 beyond. Duplicates add up.
    bias : Tensor [out_features], optional
        Added to the outputs.

    Raises
    ------
    ValueError, TypeError
        If shapes do not match, an index is out of range, or `index` is not an integer tensor.

    References
    ----------
    Lasby et al., Dynamic Sparse Training with Structured Sparsity, ICLR 2024, section 3.
    """

    def __init__(self, in_features: int, values: Tensor, index: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self._set_up(values, index, in_features, bias)

    @classmethod
    def from_dense(
        cls, linear: nn.Linear, *, fan_in: int | None = None, sparsity: float | None = None
    ) -> FixedFanInLinear | nn.Linear:
        """Prune a layer to the weights of largest magnitude of each output.

        Parameters
        ----------
        linear : nn.Linear
            Dense layer; not changed.
        fan_in : int, optional
            Connections per output.
        sparsity : float, optional
            Fraction of zeros in [0, 1), instead of `fan_in`.

        Returns
        -------
        FixedFanInLinear or nn.Linear
            At a sparsity of 50 % or less the pruned layer stays an nn.Linear, with a warning, because values and indices are then
            hardly smaller than a dense weight and not reliably faster. `fan_in` forces the condensed form.

        Raises
        ------
        ValueError, TypeError
            Unless exactly one of `fan_in` in 1 … in_features and `sparsity` in [0, 1) is given.

        Examples
        --------
        >>> FixedFanInLinear.from_dense(nn.Linear(8, 3), sparsity=0.75)
        FixedFanInLinear(in_features=8, out_features=3, fan_in=2, bias=True)
        """
        values, index = largest(finite_weight(linear), fan_in_of(linear.in_features, fan_in, sparsity))
        bias = None if linear.bias is None else linear.bias.detach().clone()
        made = cls(linear.in_features, values, index, bias).train(linear.training)
        if sparsity is None or sparsity > MIN_SPARSITY:
            return made
        warnings.warn(KEPT_DENSE, stacklevel=2)
        return made.to_dense()

    @property
    def in_features(self) -> int:
        """Number of inputs."""
        return self.width

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        return self.weight.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != self.weight.dtype and torch.is_autocast_enabled(x.device.type):
            x = x.to(self.weight.dtype)
        if self._dense_is_faster(x):
            return F.linear(x, self.cached_dense(), self.bias)
        return fixed_fan_in(x, self.weight, self.current_topology(), self.bias)

    def _dense_is_faster(self, x: Tensor) -> bool:
        """Whether to use the cached dense weight: small layer and batch, inference on a CPU."""
        if (
            torch.jit.is_tracing()
            or self.width * len(self.weight) > MAX_CACHED
            or not is_plain_cpu_call(x, self.weight)
            or needs_grad(x, self.weight, self.bias)
        ):
            return False
        return cached_dense_is_faster(x.numel() // self.width, self.width, len(self.weight), self.fan_in)

    def to_dense(self) -> nn.Linear:
        """Return an equivalent dense layer.

        Returns
        -------
        nn.Linear
            With copies of the parameters.
        """
        return dense_linear(self.dense(), self.bias, training=self.training)

    def spec(self) -> dict:
        """Return the arguments of `from_spec`.

        Returns
        -------
        dict
            JSON types only.
        """
        shape = {"in_features": self.in_features, "out_features": self.out_features, "fan_in": self.fan_in}
        return {**shape, "bias": self.bias is not None}

    @classmethod
    def from_spec(cls, in_features: int, out_features: int, fan_in: int, bias: bool) -> FixedFanInLinear:
        """Build a layer of zeros from the description that `spec` returns.

        Parameters
        ----------
        in_features, out_features : int
            Shape of the layer.
        fan_in : int
            Connections per output.
        bias : bool
            Whether the layer has a bias.

        Returns
        -------
        FixedFanInLinear
            To be filled by ``load_state_dict``.
        """
        values = torch.zeros(out_features, fan_in)
        return cls(
            in_features, values, torch.zeros(out_features, fan_in, dtype=torch.int64), values[:, 0].clone() if bias else None
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, fan_in={self.fan_in}, bias={self.bias is not None}"
        )
