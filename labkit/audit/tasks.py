"""The task of a split, and the outputs of a model on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from labkit.data import NodeSplit
from labkit.training import predict

if TYPE_CHECKING:
    from labkit.data import Split


def task_of(split: Split | NodeSplit) -> str:
    """Return the task of a split.

    Parameters
    ----------
    split : Split or NodeSplit

    Returns
    -------
    str
        "classification" (one label per example), "multilabel" (labels are pairs of row and label) or "nodes" (a graph and the
        indices of the nodes to classify).
    """
    if isinstance(split, NodeSplit):
        return "nodes"
    return "multilabel" if split.multilabel else "classification"


def outputs(model: nn.Module, split: Split | NodeSplit, batch_size: int, whose: str) -> np.ndarray:
    """Return the logits of a model on a split.

    Parameters
    ----------
    model : nn.Module
    split : Split or NodeSplit
    batch_size : int
    whose : str
        "model" or "reference", for messages.

    Returns
    -------
    ndarray
        float32 [N, C].

    Raises
    ------
    ValueError
        When the model does not take the examples.
    """
    try:
        return predict_nodes(model, split) if isinstance(split, NodeSplit) else predict(model, split, batch_size=batch_size)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError) as error:  # models raise either for inputs of another shape
        reason = str(error).splitlines()[0]
        raise ValueError(f"the {whose} does not take this split's examples ({_shape(split)}): {reason}") from error


def predict_nodes(model: nn.Module, split: NodeSplit) -> np.ndarray:
    """Return the logits of a graph network for the nodes of a split.

    Parameters
    ----------
    model : nn.Module
        Called as ``model(x, edge_index)``; returns logits [nodes, C].
    split : NodeSplit

    Returns
    -------
    ndarray
        float32 [N, C], one row per index of the split.
    """
    was_training = model.training
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    model.eval()
    try:
        with torch.no_grad():
            found = model(*(part.to(device) for part in split.inputs()))
    finally:
        model.train(was_training)
    return found.float().cpu().numpy()[split.index]


def example_of(split: Split | NodeSplit, device: torch.device) -> torch.Tensor | tuple[torch.Tensor, ...]:
    """Return the input on which costs are measured: one example, or the whole graph.

    Parameters
    ----------
    split : Split or NodeSplit
    device : torch.device

    Returns
    -------
    Tensor or tuple of Tensor
    """
    if isinstance(split, NodeSplit):
        x, edges = split.inputs()
        return x.to(device), edges.to(device)
    return split.inputs(slice(0, 1)).to(device)


def _shape(split: Split | NodeSplit) -> str:
    given = split.inputs() if isinstance(split, NodeSplit) else (split.inputs(slice(0, 1)),)
    return ", ".join(f"{str(part.dtype).removeprefix('torch.')} {list(part.shape)}" for part in given)
