"""The task of a split, and the outputs of a model on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from labkit.cost.timing import BATCH
from labkit.data import NodeSplit
from labkit.forwarding import called, fitted, running
from labkit.training import logits_of, predict
from labkit.training.prediction import as_array, device_of
from labkit.untouched import untouched

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
        float [N, C].

    Raises
    ------
    ValueError, TypeError
        When the model does not take the examples, or returns something else than logits.
    """
    try:
        return predict_nodes(model, split) if isinstance(split, NodeSplit) else predict(model, split, batch_size=batch_size)
    except (ValueError, TypeError) as error:
        text = str(error)
        if whose == "model" or not text.startswith("the model "):
            raise
        raise type(error)(f"the {whose} {text.removeprefix('the model ')}") from error.__cause__


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
        float [N, C], one row per index of the split.
    """
    device = device_of(model)
    with untouched(model):
        given = fitted(model, tuple(part.to(device) for part in split.inputs()))
        with running("the model", given, "this split's examples"):
            output = called(model, given)
    found = logits_of(output, "the model")
    if found.ndim == 0 or len(found) <= split.index.max(initial=0):
        raise ValueError(f"the model returns shape {list(found.shape)}; it must return one row of logits for each node")
    return as_array(found)[split.index]


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


def batch_of(split: Split | NodeSplit, device: torch.device) -> torch.Tensor | None:
    """Return the input on which throughput is measured: up to 32 examples; None for a graph, which is one input as a whole.

    Parameters
    ----------
    split : Split or NodeSplit
    device : torch.device

    Returns
    -------
    Tensor or None
    """
    return None if isinstance(split, NodeSplit) else split.inputs(slice(0, BATCH)).to(device)
