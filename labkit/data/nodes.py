"""`NodeSplit`: some nodes of a graph, for node classification."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from labkit.data.favourable import favourable_class
from labkit.data.given_labels import refuse_twice
from labkit.data.sensitive import as_group_text

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class NodeSplit:
    """The nodes of a graph that are to be classified.

    Attributes
    ----------
    graph : torch_geometric.data.Data, or an object with the same attributes
        With ``x`` float [nodes, D], ``edge_index`` int64 [2, edges] and ``y`` int64 [nodes].
    index : int64 array [N]
        The nodes of this split.
    classes : tuple of str
    groups : DataFrame with N rows, or None
        Sensitive columns.
    features : tuple of D str
    notes : tuple of str
    favourable : str or None
        As of a `Split`.

    Raises
    ------
    ValueError
        When the index is not one-dimensional or points outside the graph, labels or groups have another length, two classes
        have one name, or the favourable class is unknown.
    """

    graph: Any
    index: np.ndarray
    classes: tuple[str, ...]
    groups: pd.DataFrame | None = None
    features: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    favourable: str | None = None

    def __post_init__(self) -> None:
        refuse_twice(self.classes, "class", "split")
        index, nodes = np.asarray(self.index), len(self.graph.x)
        if index.ndim != 1 or index.dtype.kind not in "iu":
            raise ValueError(f"index must be int [N], got {index.dtype} of shape {list(index.shape)}")
        if len(index) and (index.min() < 0 or index.max() >= nodes):
            raise ValueError(f"index runs from {index.min()} to {index.max()}, but the graph has {nodes:,} nodes")
        if self.groups is not None and len(self.groups) != len(index):
            raise ValueError(f"groups have {len(self.groups):,} rows for {len(index):,} nodes; give one row per node of the split")
        if len(np.asarray(self.graph.y)) != nodes:
            raise ValueError(f"the graph has {nodes:,} nodes but {len(np.asarray(self.graph.y)):,} labels; one label each")
        object.__setattr__(self, "index", index.astype(np.int64))
        if self.groups is not None:
            object.__setattr__(self, "groups", as_group_text(self.groups))
        if self.favourable is not None:
            object.__setattr__(self, "favourable", favourable_class(self.favourable, self.classes))

    def __len__(self) -> int:
        return len(self.index)

    @property
    def labels(self) -> np.ndarray:
        """Labels of the nodes of this split, int64 [N]."""
        labels = np.asarray(self.graph.y).astype(np.int64)[self.index]
        return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels  # OGB stores a column

    def inputs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what a graph network takes.

        Returns
        -------
        x : Tensor
            float32 [nodes, D].
        edge_index : Tensor
            int64 [2, edges].
        """
        import torch  # here: listing data sets must not wait seconds for torch

        return torch.as_tensor(np.asarray(self.graph.x)).float(), torch.as_tensor(np.asarray(self.graph.edge_index))

    def subset(self, rows: slice | np.ndarray) -> NodeSplit:
        """Return a split with only the chosen nodes; the graph stays whole.

        Parameters
        ----------
        rows : slice, int or bool array
            Positions in `index`.

        Returns
        -------
        NodeSplit
        """
        chosen = np.arange(len(self))[rows]
        groups = None if self.groups is None else self.groups.iloc[chosen].reset_index(drop=True)
        return replace(self, index=self.index[chosen], groups=groups)

    def class_counts(self) -> pd.Series:
        """Return the number of nodes of every class, zeros included.

        Returns
        -------
        Series
            Indexed by class name.
        """
        return pd.Series(np.bincount(self.labels, minlength=len(self.classes)), index=list(self.classes), name="examples")
