"""A convolution of unstructured sparsity: one bit per position and one value per nonzero."""

from __future__ import annotations

from torch import Tensor, nn

from labkit.layers.bitmask_weight import BitmaskWeight
from labkit.layers.convolution import check_rows, convolve, dense_convolution, geometry, kernel_shape, short, zeros_for
from labkit.layers.drop_in import ConvGeometry, DenseWeight
from labkit.layers.given import finite_weight
from labkit.layers.largest import kept_of, largest_mask


class BitmaskConv(DenseWeight, ConvGeometry, BitmaskWeight):
    """Drop-in for nn.Conv1d, nn.Conv2d and nn.Conv3d that stores nonzero weights and a bit mask, and expands them on every call.

    Parameters
    ----------
    conv : dict
        Keyword arguments of the dense class, as `labkit.layers.convolution.geometry` returns them.
    weight : Tensor [out_channels, in_channels / groups, ...]
        Weight with zeros.
    bias : Tensor [out_channels], optional
        Added to the outputs.

    Raises
    ------
    ValueError
        If a shape does not match.
    """

    def __init__(self, conv: dict, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        check_rows(conv, weight.flatten(1))
        self.conv = conv
        self._set_up(weight.flatten(1), bias)

    @classmethod
    def from_dense(cls, conv: nn.Module, *, sparsity: float) -> BitmaskConv:
        """Prune a convolution by magnitude, without structure.

        Parameters
        ----------
        conv : nn.Conv1d, nn.Conv2d or nn.Conv3d
            Dense layer; not changed.
        sparsity : float
            Fraction of zeros in [0, 1).

        Returns
        -------
        BitmaskConv
            With exactly as many weights as the sparsity leaves, those of largest magnitude; of equal ones the first.

        Raises
        ------
        ValueError
            If the sparsity is out of range.

        Examples
        --------
        >>> BitmaskConv.from_dense(nn.Conv2d(4, 8, 3, groups=2), sparsity=0.75)
        BitmaskConv(4, 8, kernel_size=(3, 3), nonzeros=36, bias=True)
        """
        weight = finite_weight(conv)
        kept = largest_mask(weight.abs().flatten(), kept_of(weight.numel(), sparsity))
        return cls(geometry(conv), weight * kept.view_as(weight), conv.bias).train(conv.training)  # type: ignore[arg-type]

    def dense(self) -> Tensor:
        """Return the dense kernel.

        Returns
        -------
        Tensor [out_channels, in_channels / groups, ...]
            Differentiable with respect to the values.
        """
        return self.matrix().view(-1, *kernel_shape(self.conv))

    def forward(self, x: Tensor) -> Tensor:
        return convolve(x, self.matrix(), self.bias, self.conv)

    def to_dense(self) -> nn.Module:
        """Return an equivalent dense layer.

        Returns
        -------
        nn.Conv1d, nn.Conv2d or nn.Conv3d
            With copies of the parameters.
        """
        return dense_convolution(self.conv, self.matrix(), self.bias, training=self.training)

    def spec(self) -> dict:
        """Return the arguments of `from_spec`.

        Returns
        -------
        dict
            JSON types only.
        """
        return {"conv": self.conv, "nonzeros": self.values.numel(), "bias": self.bias is not None}

    @classmethod
    def from_spec(cls, conv: dict, nonzeros: int, bias: bool) -> BitmaskConv:
        """Build a layer of zeros from the description that `spec` returns.

        Parameters
        ----------
        conv : dict
            Keyword arguments of the dense class.
        nonzeros : int
            Number of nonzero weights.
        bias : bool
            Whether the layer has a bias.

        Returns
        -------
        BitmaskConv
            To be filled by ``load_state_dict``.
        """
        weight, added = zeros_for(conv, bias)
        weight.view(-1)[:nonzeros] = 1.0
        return cls(conv, weight, added)

    def extra_repr(self) -> str:
        return f"{short(self.conv)}, nonzeros={self.values.numel()}, bias={self.bias is not None}"
