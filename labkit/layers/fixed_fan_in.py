"""A linear layer in which every output has the same number of inputs (SRigL's condensed form, with full output and biases)."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.kernels import fixed_fan_in
from labkit.kernels.choice import KEEP_UP_TO, keep_dense
from labkit.kernels.op import learns, plain_call
from labkit.layers.condensed import CondensedWeight, fan_in_of, largest
from labkit.layers.dense import dense_linear

DENSE_UP_TO = 0.5  # sparsity
KEPT_DENSE = (
    "at a sparsity of 50 % or less a pruned linear layer stays an nn.Linear: with its indices the condensed form would be hardly "
    "smaller and not reliably faster; give a higher sparsity, or fan_in= to have the condensed form in any case"
)


class FixedFanInLinear(CondensedWeight):
    """Drop-in for nn.Linear: ``y[b, n] = bias[n] + sum_k weight[n, k] * x[b, index[n, k]]``.

    It runs on `labkit.kernels.fixed_fan_in`; a small layer (256 kB dense) keeps its dense weight too and takes that for the few
    examples at which it is faster. Unlike the published condensed layer it keeps every output and every bias: an ablated
    neuron, whose weights are all zero, still gives its bias, and on the processor costs no multiplication.

    Parameters
    ----------
    in_features : int
    values : Tensor [out_features, fan_in]
    index : integer Tensor [out_features, fan_in]
        Input columns; kept as uint16 up to 65,536 inputs, int32 beyond. Duplicates add up.
    bias : Tensor [out_features], optional

    Raises
    ------
    ValueError, TypeError
        On other shapes, indices out of range, or indices that are no integers.
    """

    def __init__(self, in_features: int, values: Tensor, index: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self._hold(values, index, in_features, bias)

    @classmethod
    def from_dense(
        cls, linear: nn.Linear, *, fan_in: int | None = None, sparsity: float | None = None
    ) -> FixedFanInLinear | nn.Linear:
        """Keep the entries of largest magnitude of each row: `fan_in` of them, or a share of ``1 - sparsity``.

        Returns
        -------
        FixedFanInLinear, or nn.Linear
            At a sparsity of 50 % or less the pruned layer stays an nn.Linear, and a warning says so: values with their indices are
            then hardly smaller than a dense weight, nor reliably faster. With `fan_in` the form asked for is made in any case.

        Raises
        ------
        ValueError, TypeError
            Unless exactly one of `fan_in` in 1 … in_features and `sparsity` in [0, 1) is given.

        Examples
        --------
        >>> FixedFanInLinear.from_dense(nn.Linear(8, 3), sparsity=0.75)
        FixedFanInLinear(in_features=8, out_features=3, fan_in=2, bias=True)
        """
        values, index = largest(linear.weight, fan_in_of(linear.in_features, fan_in, sparsity))
        bias = None if linear.bias is None else linear.bias.detach().clone()
        made = cls(linear.in_features, values, index, bias).train(linear.training)
        if sparsity is None or sparsity > DENSE_UP_TO:
            return made
        warnings.warn(KEPT_DENSE, stacklevel=2)
        return made.to_dense()

    @property
    def in_features(self) -> int:
        return self.width

    @property
    def out_features(self) -> int:
        return self.weight.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != self.weight.dtype and torch.is_autocast_enabled(x.device.type):
            x = x.to(self.weight.dtype)
        if self._does_better_dense(x):
            return F.linear(x, self.kept_dense(), self.bias)
        return fixed_fan_in(x, self.weight, self.links(), self.bias)

    def _does_better_dense(self, x: Tensor) -> bool:
        """A small layer with few examples, in inference on the processor."""
        if self.width * len(self.weight) > KEEP_UP_TO or not plain_call(x, self.weight) or learns(x, self.weight, self.bias):
            return False
        return keep_dense(x.numel() // self.width, self.width, len(self.weight), self.fan_in)

    def to_dense(self) -> nn.Linear:
        """Return an nn.Linear with the same outputs."""
        return dense_linear(self.dense(), self.bias, training=self.training)

    def spec(self) -> dict:
        """What a manifest needs to build an empty layer of this shape."""
        shape = {"in_features": self.in_features, "out_features": self.out_features, "fan_in": self.fan_in}
        return {**shape, "bias": self.bias is not None}

    @classmethod
    def from_spec(cls, in_features: int, out_features: int, fan_in: int, bias: bool) -> FixedFanInLinear:
        """Build an empty layer of the shape that `spec` describes."""
        values = torch.zeros(out_features, fan_in)
        return cls(
            in_features, values, torch.zeros(out_features, fan_in, dtype=torch.int64), values[:, 0].clone() if bias else None
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, fan_in={self.fan_in}, bias={self.bias is not None}"
        )
