"""`audit`: run a model and its reference on a split and compare them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from labkit.audit.assemble import Asked, chosen, named
from labkit.audit.checks import check_level, check_split
from labkit.audit.identity import model_sha
from labkit.audit.logits import audit_logits
from labkit.audit.result import Audit
from labkit.audit.tasks import batch_of, example_of, outputs, task_of
from labkit.cost import Cost
from labkit.cost import cost as measure_cost
from labkit.seeds import checked_seed
from labkit.training.prediction import device_of

if TYPE_CHECKING:
    from labkit.data import NodeSplit, Split


def audit(
    model: nn.Module,
    split: Split | NodeSplit,
    *,
    reference: nn.Module | None = None,
    logits: np.ndarray | None = None,
    reference_logits: np.ndarray | None = None,
    cost: bool = True,
    seconds: float = 0.3,
    level: float = 0.95,
    batch_size: int = 250,
    measures: Asked = (),
    seed: int = 0,
    favourable: str | None = None,
) -> Audit:
    """Audit a model on a split, compared with a reference model if one is given.

    Parameters
    ----------
    model : nn.Module
        Takes ``split.inputs()`` and returns logits [n, C]; for a `NodeSplit` it is called as ``model(x, edge_index)`` and returns
        one row per node. It is left as it was, and gets inputs in its own dtype; a tuple or dict with logits will do.
    split : Split or NodeSplit
    reference : nn.Module, optional
        The same for the reference model.
    logits, reference_logits : float [N, C], optional
        Outputs that are known already; the model is then not run again.
    cost : bool
        Whether to measure parameters, bytes, multiply-accumulates, latency and throughput.
    seconds : float
        Time spent on each model's latency and throughput; 0 leaves them out.
    level : float
        Confidence of the intervals.
    batch_size : int
    measures : iterable of str, or mapping of str to dict
        Measures with ``when="asked"`` to compute, perhaps with their settings; `labkit.audit.MEASURES` lists them.
    seed : int
        For measures that draw at random.
    favourable : str, optional
        The class whose rates are compared between groups, if it is neither the one of the split (`Split.favourable`) nor the last
        of two. It is part of the fingerprint of the data.

    Returns
    -------
    Audit

    Raises
    ------
    ValueError
        On an empty split, inputs that a model does not take, logits of another shape or number of classes, NaN or infinite logits,
        a task without measures, an unknown measure, or one that fails.

    Examples
    --------
    >>> import torch
    >>> from labkit.data import Split
    >>> split = Split(np.array([0, 1]), ("no", "yes"), x=np.array([[-1.0], [1.0]], np.float32))
    >>> model = nn.Linear(1, 2, bias=False)
    >>> with torch.no_grad():
    ...     _ = model.weight.copy_(torch.tensor([[-1.0], [1.0]]))
    >>> float(audit(model, split, cost=False).summary["accuracy"])
    1.0
    """
    check_split(split)
    check_level(level)
    seed = checked_seed(seed)
    if favourable is not None:
        split = replace(split, favourable=favourable)
    measures = named(measures)
    chosen(task_of(split), measures)  # unknown or inapplicable measures are rejected before anything runs
    if logits is None:
        logits = outputs(model, split, batch_size, "model")
    if reference is not None and reference_logits is None:
        reference_logits = outputs(reference, split, batch_size, "reference")
    own, other = _costs(model, reference, split, seconds) if cost else (None, None)
    found = audit_logits(
        logits,
        split,
        reference_logits,
        level,
        model=model,
        reference=reference,
        cost=own,
        reference_cost=other,
        measures=measures,
        seed=seed,
    )
    return replace(found, model_sha=model_sha(model), reference_sha=None if reference is None else model_sha(reference))


def _costs(model: nn.Module, reference: nn.Module | None, split: Split | NodeSplit, seconds: float) -> tuple[Cost, Cost | None]:
    device = device_of(model)
    example = example_of(split, device)
    batch = batch_of(split, device) if seconds else None
    own = measure_cost(model, example, reference=reference, batch=batch, seconds=seconds)
    return own, None if reference is None else measure_cost(reference, example, seconds=0, who="the reference")
