"""The condensed form of a weight: K values and K column indices per output; duplicate indices add up."""

from __future__ import annotations

from contextlib import suppress
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from labkit.kernels import Topology
from labkit.kernels.op import is_traced
from labkit.kernels.topology import is_abstract
from labkit.layers.largest import kept_of, largest_columns
from labkit.words import shortly


def fan_in_of(width: int, fan_in: int | None, sparsity: float | None) -> int:
    """Return the number of connections per output for either `fan_in` or `sparsity`.

    Parameters
    ----------
    width : int
        Number of inputs.
    fan_in : int or None
        Connections per output, 1 … width.
    sparsity : float or None
        Fraction of zeros in [0, 1).

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ValueError
        Unless exactly one of them is given, and in range.
    TypeError
        If fan_in is not an integer.
    """
    if (fan_in is None) == (sparsity is None):
        raise ValueError(f"give either fan_in or sparsity, got fan_in={fan_in} and sparsity={sparsity}")
    if sparsity is not None:
        return kept_of(width, sparsity)
    if isinstance(fan_in, bool) or not isinstance(fan_in, Integral):
        raise TypeError(f"fan_in must be an integer, got {shortly(fan_in)}; give a fraction of the inputs as sparsity=")
    if not 1 <= fan_in <= width:
        raise ValueError(f"fan_in must lie between 1 and {width}, the inputs of the layer, got {fan_in}")
    return int(fan_in)


def largest(weight: Tensor, fan_in: int) -> tuple[Tensor, Tensor]:
    """Select the entries of largest magnitude of each row; of equal ones the first.

    Parameters
    ----------
    weight : Tensor [N, D]
        Dense weight.
    fan_in : int
        Entries per row, K.

    Returns
    -------
    values : Tensor [N, K]
        The selected entries.
    index : int64 Tensor [N, K]
        Their columns, ascending in each row.
    """
    index = largest_columns(weight.detach().abs(), fan_in)
    return weight.detach().gather(1, index), index


class CondensedWeight(nn.Module):
    """Values and indices of a condensed weight; base class of the fixed fan-in layers.

    Attributes
    ----------
    weight : nn.Parameter [N, K]
        Values of the K connections of each output.
    bias : nn.Parameter [N] or None
        Added to the outputs.
    index : integer Tensor [N, K]
        Input columns, a buffer.
    topology : Topology
        The index as the kernels take it; rebuilt when the index is loaded, moved or written to.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    index: Tensor
    topology: Topology

    def _set_up(self, values: Tensor, index: Tensor, width: int, bias: Tensor | None) -> None:
        if values.ndim != 2 or values.shape != index.shape:
            raise ValueError(f"values and index must have one shape [N, K], got {list(values.shape)} and {list(index.shape)}")
        if bias is not None and bias.shape != values.shape[:1]:
            raise ValueError(f"bias must have shape [{len(values)}], got {list(bias.shape)}")
        self.width = width
        self.topology = Topology(index, width)
        self.weight = nn.Parameter(values)
        self.bias = None if bias is None else nn.Parameter(bias)
        self.register_buffer("index", self.topology.index)
        self._index_version = version_of(self.index)
        self._dense_cache: tuple[tuple, Tensor] | None = None

    @property
    def fan_in(self) -> int:
        """Connections per output, K."""
        return self.weight.shape[1]

    def current_topology(self) -> Topology:
        """Return the topology, rebuilt if the index has changed.

        Returns
        -------
        Topology
            Of the present content of `index`.
        """
        if not is_traced() and self._index_version != version_of(self.index):
            self.topology, self._index_version = Topology(self.index, self.width), version_of(self.index)
        return self.topology

    @torch.no_grad()
    def set_connections(self, values: Tensor, index: Tensor) -> None:
        """Replace values and indices in place.

        Parameters
        ----------
        values : Tensor [N, K']
            New values. If K' differs from K, `weight` becomes a new Parameter.
        index : integer Tensor [N, K']
            New input columns.

        Raises
        ------
        ValueError, TypeError
            If shapes do not match, a column is out of range, or `index` is not an integer tensor.
        """
        if values.shape != index.shape or len(values) != len(self.weight):
            raise ValueError(
                f"values and index must have one shape [{len(self.weight)}, K], got {list(values.shape)} and {list(index.shape)}"
            )
        self.topology = Topology(index, self.width)
        self.index, self._index_version = self.topology.index, version_of(self.topology.index)
        if values.shape == self.weight.shape:
            self.weight.copy_(values)
        else:
            self.weight = nn.Parameter(values.clone(), requires_grad=self.weight.requires_grad)

    def dense(self) -> Tensor:
        """Return the dense weight.

        Returns
        -------
        Tensor [N, D]
            Differentiable with respect to the values.
        """
        empty = self.weight.new_zeros(self.weight.shape[0], self.width)
        return empty.scatter_add(1, self.index.to(torch.int64), self.weight)

    def cached_dense(self) -> Tensor:
        """Return the dense weight, which is cached in inference until values or indices change.

        Writes through ``weight.data`` are not detected; write under ``torch.no_grad()`` instead.

        Returns
        -------
        Tensor [N, D]
            As `dense`.
        """
        if is_traced() or (torch.is_grad_enabled() and self.weight.requires_grad):
            return self.dense()
        state = (*version_of(self.weight), *version_of(self.index))
        if self._dense_cache is None or self._dense_cache[0] != state:
            with torch.inference_mode(False), torch.no_grad():  # inference tensors cannot be used in autograd later
                self._dense_cache = (state, self.dense())
        return self._dense_cache[1]

    def _apply(self, *arguments: Any, **options: Any) -> Any:
        """Rebuild the topology after a move to another device.

        What ``to_empty`` leaves is no index yet: it is checked when it is loaded, or else at the next call.
        """
        result = super()._apply(*arguments, **options)
        with suppress(ValueError):
            self.current_topology()
        return result

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *arguments: Any, **options: Any) -> None:
        """Accept a state with another fan-in, which sparse training may have changed."""
        values, index = state_dict.get(f"{prefix}weight"), state_dict.get(f"{prefix}index")
        other = values is not None and index is not None and values.shape == index.shape != self.weight.shape
        if other and len(values) == len(self.weight):  # type: ignore[arg-type]
            self.weight = nn.Parameter(self.weight.new_zeros(values.shape), requires_grad=self.weight.requires_grad)  # type: ignore[union-attr]
            self.index = self.index.new_zeros(index.shape)  # type: ignore[union-attr]
        super()._load_from_state_dict(state_dict, prefix, *arguments, **options)
        if index is not None:
            self.current_topology()

    def __getstate__(self) -> dict:
        """Serialise the index once, in a dtype that pickle supports."""
        state = {name: value for name, value in self.__dict__.items() if name not in ("topology", "_index_version", "_dense_cache")}
        return {**state, "_buffers": {**self._buffers, "index": self.index.to(torch.int32)}}

    def __setstate__(self, state: dict) -> None:
        super().__setstate__({**state, "_dense_cache": None})
        self.topology = Topology(self.index, self.width)
        self.index = self.topology.index
        self._index_version = version_of(self.index)


def version_of(tensor: Tensor) -> tuple:
    """Return a value that changes when a tensor is written to, moved or cast.

    Parameters
    ----------
    tensor : Tensor
        Inference tensors have no version counter; writes to them are not detected.

    Returns
    -------
    tuple
        Version, address and dtype.
    """
    address = id(tensor) if is_abstract(tensor) else tensor.data_ptr()
    return (0 if tensor.is_inference() else tensor._version, address, tensor.dtype)
