"""`Topology`: the validated index of a fixed fan-in layer, with the derived arrays that the kernels need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

WIDE = 65_536  # inputs up to which an index fits 16 bits
PART = 2**18  # indices processed at a time
TILE = 4096  # inputs per tile: 512 kB for a block of 32 float32 examples; smaller tiles add more overhead per output than they save


class Topology:
    """The connections of a layer in which every output has the same number of inputs (its index).

    Parameters
    ----------
    index : integer Tensor [N, K]
        Input columns of each output; duplicates add up.
    in_features : int
        Number of inputs; columns are 0 … in_features - 1.

    Attributes
    ----------
    index : Tensor [N, K]
        uint16 up to 65,536 inputs, int32 beyond, contiguous.
    tiles : Tensor int64 [N, tiles + 1]
        For each output, where its connections to each tile of the input begin in the flattened index.
    inverse : tuple of Tensor
        The connections sorted by input, for the gradient with respect to the input: pointer [D, 2], output [N K], position [N K].
        Built on first access, because inference does not need it and it is larger than the index.

    Raises
    ------
    ValueError
        If `index` is not a matrix, or a column is out of range; the message names row and value.
    TypeError
        If `index` is not an integer tensor.

    Examples
    --------
    >>> Topology(torch.tensor([[0, 2], [1, 2]]), in_features=3)
    Topology(in_features=3, out_features=2, fan_in=2)
    """

    def __init__(self, index: Tensor, in_features: int) -> None:
        if not isinstance(index, Tensor) or index.dtype.is_floating_point or index.dtype in (torch.bool, torch.complex64):
            kind = index.dtype if isinstance(index, Tensor) else type(index).__name__
            raise TypeError(f"index must be a tensor of integers, got {kind}; give the input columns of every output")
        if index.ndim != 2:
            raise ValueError(f"index must have shape [outputs, fan_in], got {list(index.shape)}")
        self.in_features = int(in_features)
        if not is_abstract(index):
            _check_columns(index.detach(), self.in_features)
        self.index = index.detach().to(index_dtype(self.in_features)).contiguous()  # no copy if dtype and layout match
        self.tiles = _tiles(self.index, self.in_features)
        self._inverse: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    def inverse(self) -> tuple[Tensor, Tensor, Tensor]:
        """The connections sorted by input; built on first access."""
        if self._inverse is None:
            self._inverse = _inverse(self.index.to(torch.int64), self.in_features)
        return self._inverse

    @property
    def out_features(self) -> int:
        """Number of outputs, N."""
        return self.index.shape[0]

    @property
    def fan_in(self) -> int:
        """Connections per output, K."""
        return self.index.shape[1]

    def __repr__(self) -> str:
        return f"Topology(in_features={self.in_features}, out_features={self.out_features}, fan_in={self.fan_in})"

    def __getstate__(self) -> dict[str, Any]:
        """Serialise the index alone; the derived arrays are rebuilt."""
        return {"in_features": self.in_features, "index": self.index.to(torch.int32)}  # pickle does not support uint16 tensors

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["index"], state["in_features"])  # type: ignore[misc]


def is_abstract(index: Tensor) -> bool:
    """Tell whether a tensor has a shape and no values: on the device meta, or a FakeTensor."""
    return index.is_meta or isinstance(index, FakeTensor)


def index_dtype(width: int) -> torch.dtype:
    """Return the narrowest index dtype for `width` columns: uint16 up to 65,536, int32 beyond.

    Parameters
    ----------
    width : int
        Number of columns.

    Returns
    -------
    torch.dtype
        torch.uint16 or torch.int32.
    """
    return torch.uint16 if width <= WIDE else torch.int32


def _parts(index: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield (first row, rows as int64) in chunks, because an int64 copy of a uint16 index is four times as large."""
    step = max(1, PART // max(1, index.shape[1]))
    for start in range(0, index.shape[0], step):
        yield start, index[start : start + step].to(torch.int64)


def _check_columns(index: Tensor, in_features: int) -> None:
    for start, rows in _parts(index):
        bad = (rows < 0) | (rows >= in_features)
        if bad.any():
            row, place = (int(i) for i in bad.nonzero()[0])
            raise ValueError(
                f"index[{start + row}, {place}] is {int(rows[row, place])}, but columns run from 0 to {in_features - 1}; "
                f"correct the inputs of row {start + row}"
            )


def _tiles(index: Tensor, in_features: int) -> Tensor:
    """int64 [N, tiles + 1]: where the connections of each output to each tile of TILE inputs begin in the flattened index.

    There is a single tile unless the columns of every output ascend.
    """
    outputs, fan_in = index.shape
    starts = torch.arange(outputs, dtype=torch.int64, device=index.device)[:, None] * fan_in
    count = -(-in_features // TILE)
    ascends = count > 1 and not is_abstract(index) and all(bool((rows[:, 1:] >= rows[:, :-1]).all()) for _, rows in _parts(index))
    if not ascends:
        return torch.cat([starts, starts + fan_in], dim=1)
    edges = torch.arange(count + 1, device=index.device) * TILE
    inside = torch.cat(
        [torch.searchsorted(rows.contiguous(), edges.expand(len(rows), -1).contiguous()) for _, rows in _parts(index)]
    )
    inside[:, -1] = fan_in
    return (starts + inside).contiguous()


def _inverse(index: Tensor, in_features: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sort by input: pointer int64 [D, 2] (begin, end), output uint16 or int32 [N K], position int64 [N K] (= n K + k)."""
    flat = index.reshape(-1)
    position = torch.sort(flat, stable=True).indices
    ends = torch.bincount(flat, minlength=in_features).cumsum(0)
    pointer = torch.stack([torch.cat([ends.new_zeros(1), ends[:-1]]), ends], dim=1).contiguous()
    output = torch.div(position, max(1, index.shape[1]), rounding_mode="floor")
    return pointer, output.to(index_dtype(index.shape[0])).contiguous(), position
