"""The condensed form of a weight: for each output, K values and where they sit; duplicate indices add up."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from labkit.kernels import Topology


def fan_in_of(width: int, fan_in: int | None, sparsity: float | None) -> int:
    """Resolve ``fan_in=`` or ``sparsity=`` to links an output, at least 1.

    Raises
    ------
    ValueError
        Unless exactly one is given, fan_in lies in 1 … width and sparsity in [0, 1).
    TypeError
        When fan_in is no integer.
    """
    if (fan_in is None) == (sparsity is None):
        raise ValueError(f"give either fan_in or sparsity, got fan_in={fan_in} and sparsity={sparsity}")
    if sparsity is not None:
        if not 0 <= sparsity < 1:
            raise ValueError(f"sparsity must lie in [0, 1), got {sparsity}; 0.9 keeps a tenth of the weights")
        return max(1, round(width * (1 - sparsity)))
    if not isinstance(fan_in, Integral):
        raise TypeError(f"fan_in must be an integer, got {fan_in!r}; a share of the inputs is given as sparsity=")
    if not 1 <= fan_in <= width:
        raise ValueError(f"fan_in must lie between 1 and {width}, the inputs of the layer, got {fan_in}")
    return int(fan_in)


def largest(weight: Tensor, fan_in: int) -> tuple[Tensor, Tensor]:
    """Keep the `fan_in` entries of largest magnitude of each row of `weight` [N, D].

    Returns
    -------
    values [N, K], index int64 [N, K]
        Columns ascending in each row.
    """
    index = weight.detach().abs().topk(fan_in, dim=1, sorted=False).indices.sort(dim=1).values
    return weight.detach().gather(1, index), index


class CondensedWeight(nn.Module):
    """Values [N, K] and indices [N, K] of a weight [N, D]; mixin of the fixed fan-in layers.

    Its `topology` is what the kernels take; it is made anew when the index is loaded, moved or written to.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    index: Tensor
    topology: Topology

    def _hold(self, values: Tensor, index: Tensor, width: int, bias: Tensor | None) -> None:
        if values.ndim != 2 or values.shape != index.shape:
            raise ValueError(f"values and index must have one shape [N, K], got {list(values.shape)} and {list(index.shape)}")
        if bias is not None and bias.shape != values.shape[:1]:
            raise ValueError(f"bias must have shape [{len(values)}], got {list(bias.shape)}")
        self.width = width
        self.topology = Topology(index, width)
        self.weight = nn.Parameter(values)
        self.bias = None if bias is None else nn.Parameter(bias)
        self.register_buffer("index", self.topology.index)
        self._seen = state_of(self.index)
        self._built: tuple[tuple, Tensor] | None = None

    @property
    def fan_in(self) -> int:
        return self.weight.shape[1]

    def links(self) -> Topology:
        """Return the topology of the index as it is now."""
        if not torch.compiler.is_compiling() and self._seen != state_of(self.index):
            self.topology, self._seen = Topology(self.index, self.width), state_of(self.index)
        return self.topology

    @torch.no_grad()
    def set_links(self, values: Tensor, index: Tensor) -> None:
        """Take other links, values [N, K'] and index [N, K']. With another K' the weight becomes another parameter.

        Raises
        ------
        ValueError, TypeError
            On other shapes, columns out of range, or indices that are no integers.
        """
        if values.shape != index.shape or len(values) != len(self.weight):
            raise ValueError(
                f"values and index must have one shape [{len(self.weight)}, K], got {list(values.shape)} and {list(index.shape)}"
            )
        self.topology = Topology(index, self.width)
        self.index, self._seen = self.topology.index, state_of(self.topology.index)
        if values.shape == self.weight.shape:
            self.weight.copy_(values)
        else:
            self.weight = nn.Parameter(values.clone(), requires_grad=self.weight.requires_grad)

    def dense(self) -> Tensor:
        """Return the weight [N, D], differentiable with respect to the values."""
        empty = self.weight.new_zeros(self.weight.shape[0], self.width)
        return empty.scatter_add(1, self.index.to(torch.int64), self.weight)

    def kept_dense(self) -> Tensor:
        """Return `dense`; in inference it is built once and kept until the values change.

        Torch does not report writes through ``weight.data``; write under ``torch.no_grad()`` instead.
        """
        if torch.compiler.is_compiling() or (torch.is_grad_enabled() and self.weight.requires_grad):
            return self.dense()
        state = (*state_of(self.weight), *state_of(self.index))
        if self._built is None or self._built[0] != state:
            with torch.inference_mode(False), torch.no_grad():  # a tensor of inference mode could not be used in a gradient later
                self._built = (state, self.dense())
        return self._built[1]

    def _apply(self, *arguments: Any, **options: Any) -> Any:
        """Moved to another device, the topology follows."""
        result = super()._apply(*arguments, **options)
        if not self.index.is_meta:
            self.links()
        return result

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *arguments: Any, **options: Any) -> None:
        """A state with another fan-in is taken: training sparse changes it."""
        values, index = state_dict.get(f"{prefix}weight"), state_dict.get(f"{prefix}index")
        other = values is not None and index is not None and values.shape == index.shape != self.weight.shape
        if other and len(values) == len(self.weight):  # type: ignore[arg-type]
            self.weight = nn.Parameter(self.weight.new_zeros(values.shape), requires_grad=self.weight.requires_grad)  # type: ignore[union-attr]
            self.index = self.index.new_zeros(index.shape)  # type: ignore[union-attr]
        super()._load_from_state_dict(state_dict, prefix, *arguments, **options)
        self.links()

    def __getstate__(self) -> dict:
        """Copies and files hold the index once, in a type that pickle knows."""
        state = {name: value for name, value in self.__dict__.items() if name not in ("topology", "_seen", "_built")}
        return {**state, "_buffers": {**self._buffers, "index": self.index.to(torch.int32)}}

    def __setstate__(self, state: dict) -> None:
        super().__setstate__({**state, "_built": None})
        self.topology = Topology(self.index, self.width)
        self.index = self.topology.index
        self._seen = state_of(self.index)


def state_of(tensor: Tensor) -> tuple:
    """What changes whenever the tensor is written to, moved or cast (inference tensors keep no version; nobody writes to them)."""
    return (0 if tensor.is_inference() else tensor._version, tensor.data_ptr(), tensor.dtype)
