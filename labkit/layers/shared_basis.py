"""Linear layers whose weight is the product of a dense basis, shared by a group of layers, and a sparse factor per layer."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.layers.bitmask import BitmaskLinear
from labkit.layers.dense import dense_linear
from labkit.layers.drop_in import DenseWeight
from labkit.layers.fixed_fan_in import FixedFanInLinear

Storage = Literal["bitmask", "fixed_fan_in"]
STORAGES = ("bitmask", "fixed_fan_in")


class SharedBasisLinear(DenseWeight, nn.Module):
    """Drop-in for nn.Linear with the weight ``(U V)^T`` if it widens, d -> p, and ``U V`` if it narrows, p -> d.

    U [d, r] is one Parameter shared by all layers of a group; V [r, p] is sparse and belongs to this layer. A layer that widens
    computes ``(x U) V + b``, one that narrows ``(x V^T) U^T + b``; if it takes fewer multiplications, the product U V is formed
    first.

    Parameters
    ----------
    base : nn.Parameter [d, r]
        U.
    factor : Tensor [p, r]
        V transposed, one row per hidden unit, with zeros.
    bias : Tensor, optional
        [p] if the layer widens, else [d].
    widens : bool
        Whether the layer maps d to p rather than p to d.
    storage : {"bitmask", "fixed_fan_in"}
        How the factor is stored. "bitmask" takes any pattern, as nonzeros and one bit per position. "fixed_fan_in" stores the same
        number of nonzeros for every hidden unit, as values and 16-bit indices, on which `labkit.kernels.fixed_fan_in` runs if the
        layer widens. Otherwise the factor is expanded to dense on every call.

    Raises
    ------
    ValueError
        If shapes do not match, or the storage is unknown.

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
            raise ValueError(
                f"base [d, r] and factor [p, r] must have the same rank, got {list(base.shape)} and {list(factor.shape)}"
            )
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
        """The narrow side, d."""
        return self.base.shape[0]

    @property
    def rank(self) -> int:
        """Number of columns of the basis, r."""
        return self.base.shape[1]

    @property
    def hidden(self) -> int:
        """The wide side, p."""
        return self.factor.out_features

    @property
    def _own_bias(self) -> Tensor | None:
        """The bias, which the factor holds if it is applied last."""
        return self.factor.bias if self.widens else self.bias

    @property
    def in_features(self) -> int:
        """Number of inputs."""
        return self.width if self.widens else self.hidden

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        return self.hidden if self.widens else self.width

    def dense(self) -> Tensor:
        """Return the dense weight.

        Returns
        -------
        Tensor [out_features, in_features]
            Differentiable with respect to base and factor.
        """
        product = self.factor.dense() @ self.base.t()
        return product if self.widens else product.t()

    def forward(self, x: Tensor) -> Tensor:
        return self._linear(x)

    def _linear(self, x: Tensor) -> Tensor:
        """The map of the last axis."""
        if self._product_first(x.numel() // max(1, x.shape[-1])):
            return F.linear(x, self.dense(), self._own_bias)
        if self.widens:
            return self.factor(x @ self.base)
        return F.linear(x @ self.factor.dense(), self.base, self.bias)

    def _product_first(self, rows: int) -> bool:
        """Whether forming U V takes fewer multiplications for this many rows than applying both factors."""
        saved = self.rank * (self.width + self.hidden) - self.width * self.hidden
        return rows * saved > self.width * self.hidden * self.rank

    def to_dense(self) -> nn.Linear:
        """Return an equivalent dense layer.

        Returns
        -------
        nn.Linear
            With copies of the parameters.
        """
        return dense_linear(self.dense().contiguous(), self._own_bias, training=self.training)

    def spec(self) -> dict:
        """Return the arguments of `from_spec`.

        Returns
        -------
        dict
            JSON types only.
        """
        shape = {"width": self.width, "rank": self.rank, "hidden": self.hidden, "nonzeros": self.nonzeros}
        return {**shape, "bias": self._own_bias is not None, "widens": self.widens, "storage": self.storage}

    @property
    def nonzeros(self) -> int:
        """Number of stored values of the factor."""
        held = self.factor.values if isinstance(self.factor, BitmaskLinear) else self.factor.weight
        return held.numel()

    @classmethod
    def from_spec(
        cls,
        width: int,
        rank: int,
        hidden: int,
        bias: bool,
        widens: bool,
        storage: Storage,
        nonzeros: int | None = None,
        links: int | None = None,
    ) -> SharedBasisLinear:
        """Build a layer of zeros from the description that `spec` returns.

        Parameters
        ----------
        width, rank, hidden : int
            d, r and p.
        bias : bool
            Whether the layer has a bias.
        widens : bool
            Whether the layer maps d to p.
        storage : {"bitmask", "fixed_fan_in"}
            How the factor is stored.
        nonzeros : int
            Number of stored values of the factor.
        links : int, optional
            Name of `nonzeros` in manifests of labkit 0.1.

        Returns
        -------
        SharedBasisLinear
            With its own base until a state dict is loaded.

        Raises
        ------
        ValueError
            If the number of stored values is missing.
        """
        stored = links if nonzeros is None else nonzeros
        if stored is None:
            raise ValueError("give nonzeros, the number of stored values of the factor")
        factor = torch.zeros(hidden, rank)
        if storage == "bitmask":
            factor.view(-1)[:stored] = 1.0
        else:
            factor[:, : stored // hidden] = 1.0
        empty = torch.zeros(hidden if widens else width) if bias else None
        return cls(nn.Parameter(torch.zeros(width, rank)), factor, empty, widens=widens, storage=storage)

    def extra_repr(self) -> str:
        density = self.nonzeros / (self.hidden * self.rank)
        return f"in_features={self.in_features}, out_features={self.out_features}, rank={self.rank}, density={density:.3g}"


def _stored(factor: Tensor, bias: Tensor | None, storage: str) -> BitmaskLinear | FixedFanInLinear:
    """Store V transposed as a layer from r to p; rows with fewer nonzeros are padded with explicit zeros."""
    if storage == "bitmask":
        return BitmaskLinear(factor, bias)
    mask = (factor != 0).to(torch.uint8)
    index = mask.topk(max(1, int(mask.sum(1).max())), dim=1, sorted=False).indices.sort(dim=1).values
    return FixedFanInLinear(factor.shape[1], factor.gather(1, index), index, None if bias is None else bias.detach().clone())
