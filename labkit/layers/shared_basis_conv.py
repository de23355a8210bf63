"""1x1 convolutions whose weight is the product of a shared dense basis and a sparse factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from labkit.layers.convolution import CONVOLUTIONS
from labkit.layers.shared_basis import SharedBasisLinear, Storage


def over_channels(linear: Callable[[Tensor], Tensor], x: Tensor, spatial: int) -> Tensor:
    """Apply a map of the last axis to the axis of the channels.

    Parameters
    ----------
    linear : callable
        Of a Tensor [..., inputs].
    x : Tensor [..., inputs, *places]
    spatial : int
        Number of axes behind that of the channels.

    Returns
    -------
    Tensor [..., outputs, *places]
        Contiguous where the input is, as the output of a convolution.
    """
    if spatial == 0:
        return linear(x)
    y = linear(x.movedim(-1 - spatial, -1)).movedim(-1, -1 - spatial)
    return y.contiguous() if x.is_contiguous() else y


class SharedBasisConv(SharedBasisLinear):
    """Drop-in for a convolution of one place (1x1, without stride, padding and groups): a `SharedBasisLinear` over channels.

    Parameters
    ----------
    base : nn.Parameter [d, r]
        U, one Parameter shared by all layers of a group.
    factor : Tensor [p, r]
        V transposed, one row per hidden channel, with zeros.
    bias : Tensor, optional
        [p] if the layer widens, else [d].
    widens : bool
        Whether the layer maps d to p rather than p to d.
    storage : {"bitmask", "fixed_fan_in"}
        How the factor is stored, see `SharedBasisLinear`.
    spatial : int
        Number of axes behind that of the channels, 1 to 3.

    Raises
    ------
    ValueError
        If shapes do not match, or the storage or the number of axes is unknown.

    Examples
    --------
    >>> import torch
    >>> base = nn.Parameter(torch.randn(8, 3))
    >>> SharedBasisConv(base, torch.randn(32, 3), None, widens=True, spatial=2)(torch.zeros(2, 8, 5, 5)).shape
    torch.Size([2, 32, 5, 5])
    """

    def __init__(
        self,
        base: nn.Parameter,
        factor: Tensor,
        bias: Tensor | None = None,
        *,
        widens: bool,
        storage: Storage = "bitmask",
        spatial: int = 2,
    ) -> None:
        super().__init__(base, factor, bias, widens=widens, storage=storage)
        if spatial not in CONVOLUTIONS:
            raise ValueError(f"spatial must be 1, 2 or 3, got {spatial!r}")
        self.spatial = spatial

    @property
    def in_channels(self) -> int:
        """Number of input channels."""
        return self.in_features

    @property
    def out_channels(self) -> int:
        """Number of output channels."""
        return self.out_features

    @property
    def kernel_size(self) -> tuple[int, ...]:
        """One place along every axis."""
        return (1,) * self.spatial

    @property
    def weight(self) -> Tensor:
        """Dense kernel, [out_channels, in_channels, 1, ...]."""
        return self.dense().reshape(self.out_channels, self.in_channels, *self.kernel_size)

    @property
    def stride(self) -> tuple[int, ...]:
        """One step along every axis."""
        return (1,) * self.spatial

    dilation = stride

    @property
    def padding(self) -> tuple[int, ...]:
        """None along any axis."""
        return (0,) * self.spatial

    groups, padding_mode = 1, "zeros"

    def forward(self, x: Tensor) -> Tensor:
        return over_channels(self._linear, x, self.spatial)

    def to_dense(self) -> Any:
        """Return an equivalent dense layer.

        Returns
        -------
        nn.Conv1d, nn.Conv2d or nn.Conv3d
            With copies of the parameters.
        """
        linear = super().to_dense()
        kind = CONVOLUTIONS[self.spatial]
        conv = kind(self.in_channels, self.out_channels, 1, bias=linear.bias is not None, device="meta")
        conv.weight = nn.Parameter(linear.weight.detach().view(self.out_channels, self.in_channels, *self.kernel_size))
        conv.bias = linear.bias
        return conv.train(self.training)

    def spec(self) -> dict:
        """Return the arguments of `from_spec`.

        Returns
        -------
        dict
            JSON types only.
        """
        return {**super().spec(), "spatial": self.spatial}

    @classmethod
    def from_spec(cls, *, spatial: int, **spec: Any) -> SharedBasisConv:  # type: ignore[override]
        """Build a layer of zeros from the description that `spec` returns.

        Parameters
        ----------
        spatial : int
            Number of axes behind that of the channels.
        **spec
            As for `SharedBasisLinear.from_spec`.

        Returns
        -------
        SharedBasisConv
            With its own base until a state dict is loaded.
        """
        flat = SharedBasisLinear.from_spec(**spec)
        bias = flat._own_bias
        return cls(flat.base, flat.factor.dense(), bias, widens=flat.widens, storage=flat.storage, spatial=spatial)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, spatial={self.spatial}"
