"""Linear layers whose weights are products of a dense basis, held once for a group of layers, and a sparse factor of their own."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.layers.bitmask import BitmaskLinear
from labkit.layers.dense import dense_linear
from labkit.layers.fixed_fan_in import FixedFanInLinear

Storage = Literal["bitmask", "fixed_fan_in"]
STORAGES = ("bitmask", "fixed_fan_in")


class SharedBasisLinear(nn.Module):
    """Drop-in for nn.Linear with the weight ``(U V)^T`` where it widens, d -> p, and ``U V`` where it narrows, p -> d.

    U [d, r] is one Parameter for all layers of a group. V [r, p] belongs to this layer and is sparse. A layer that widens gives
    ``(x U) V + b``, one that narrows ``(x V^T) U^T + b``; where U V, made once for the call, takes fewer multiplications, that.

    Parameters
    ----------
    base : nn.Parameter [d, r]
    factor : Tensor [p, r]
        V transposed: a row a hidden unit, zeros where there is no link.
    bias : Tensor, optional
        [p] where the layer widens, else [d].
    widens : bool
    storage : {"bitmask", "fixed_fan_in"}
        "bitmask" keeps any pattern, as links and a bit a place. "fixed_fan_in" keeps as many links for every hidden unit, as values
        and indices of 16 bits; where the layer widens `labkit.kernels.fixed_fan_in` runs on them. All else is spread out for each
        call.

    Raises
    ------
    ValueError
        On shapes that do not fit, or another storage.

    References
    ----------
    Üyük et al., Learning Parameter Sharing with Tensor Decompositions and Sparsity, arXiv 2411.09816, section 3.

    Examples
    --------
    >>> base = nn.Parameter(torch.randn(8, 3))
    >>> SharedBasisLinear(base, torch.randn(32, 3), None, widens=True)(torch.zeros(2, 8)).shape
    torch.Size([2, 32])
    """

    def __init__(
        self, base: nn.Parameter, factor: Tensor, bias: Tensor | None = None, *, widens: bool, storage: Storage = "bitmask"
    ) -> None:
        super().__init__()
        if base.ndim != 2 or factor.ndim != 2 or base.shape[1] != factor.shape[1]:
            raise ValueError(f"base [d, r] and factor [p, r] must have one rank, got {list(base.shape)} and {list(factor.shape)}")
        wide = factor.shape[0] if widens else base.shape[0]
        if bias is not None and list(bias.shape) != [wide]:
            raise ValueError(f"bias must have shape [{wide}], got {list(bias.shape)}")
        if storage not in STORAGES:
            raise ValueError(f"storage must be one of {', '.join(STORAGES)}, got {storage!r}")
        self.base, self.widens, self.storage = base, widens, storage
        self.factor: BitmaskLinear | FixedFanInLinear = _stored(factor.detach(), bias if widens else None, storage)
        self.bias = None if bias is None or widens else nn.Parameter(bias.detach().clone())

    @property
    def width(self) -> int:
        """d, the narrow side."""
        return self.base.shape[0]

    @property
    def rank(self) -> int:
        return self.base.shape[1]

    @property
    def hidden(self) -> int:
        """p, the wide side."""
        return self.factor.out_features

    @property
    def _own_bias(self) -> Tensor | None:
        """What is added to the outputs; the factor holds it where it comes last."""
        return self.factor.bias if self.widens else self.bias

    @property
    def in_features(self) -> int:
        return self.width if self.widens else self.hidden

    @property
    def out_features(self) -> int:
        return self.hidden if self.widens else self.width

    def dense(self) -> Tensor:
        """Return the weight [out_features, in_features], differentiable with respect to base and factor."""
        product = self.factor.dense() @ self.base.t()
        return product if self.widens else product.t()

    def forward(self, x: Tensor) -> Tensor:
        if self._does_better_whole(x.numel() // max(1, x.shape[-1])):
            return F.linear(x, self.dense(), self._own_bias)
        if self.widens:
            return self.factor(x @ self.base)
        return F.linear(x @ self.factor.dense(), self.base, self.bias)

    def _does_better_whole(self, rows: int) -> bool:
        """Whether making U V for the call takes fewer multiplications than the two factors after one another."""
        saved = self.rank * (self.width + self.hidden) - self.width * self.hidden
        return rows * saved > self.width * self.hidden * self.rank

    def to_dense(self) -> nn.Linear:
        """Return an nn.Linear with the same outputs."""
        return dense_linear(self.dense().contiguous(), self._own_bias, training=self.training)

    def spec(self) -> dict:
        """What a manifest needs to build an empty layer of this shape."""
        shape = {"width": self.width, "rank": self.rank, "hidden": self.hidden, "links": self.links}
        return {**shape, "bias": self._own_bias is not None, "widens": self.widens, "storage": self.storage}

    @property
    def links(self) -> int:
        """Values that the factor holds."""
        held = self.factor.values if isinstance(self.factor, BitmaskLinear) else self.factor.weight
        return held.numel()

    @classmethod
    def from_spec(
        cls, width: int, rank: int, hidden: int, links: int, bias: bool, widens: bool, storage: Storage
    ) -> SharedBasisLinear:
        """Build an empty layer of the shape that `spec` describes, with a base of its own until one is loaded."""
        factor = torch.zeros(hidden, rank)
        if storage == "bitmask":
            factor.view(-1)[:links] = 1.0
        else:
            factor[:, : links // hidden] = 1.0
        empty = torch.zeros(hidden if widens else width) if bias else None
        return cls(nn.Parameter(torch.zeros(width, rank)), factor, empty, widens=widens, storage=storage)

    def extra_repr(self) -> str:
        density = self.links / (self.hidden * self.rank)
        return f"in_features={self.in_features}, out_features={self.out_features}, rank={self.rank}, density={density:.3g}"


def _stored(factor: Tensor, bias: Tensor | None, storage: str) -> BitmaskLinear | FixedFanInLinear:
    """V transposed as a layer from r to p; rows with fewer links than others are filled up with zeros."""
    if storage == "bitmask":
        return BitmaskLinear(factor, bias)
    mask = (factor != 0).to(torch.uint8)
    index = mask.topk(max(1, int(mask.sum(1).max())), dim=1, sorted=False).indices.sort(dim=1).values
    return FixedFanInLinear(factor.shape[1], factor.gather(1, index), index, None if bias is None else bias.detach().clone())
