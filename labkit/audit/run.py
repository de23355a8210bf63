"""`audit`: run a model and its reference over a split, and say what the change cost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import nn

from labkit.audit.checks import check_level, check_split
from labkit.audit.identity import model_sha
from labkit.audit.logits import audit_logits
from labkit.audit.report import Audit
from labkit.cost import Cost
from labkit.cost import cost as measure_cost
from labkit.training import predict

if TYPE_CHECKING:
    from labkit.data import Split


def audit(
    model: nn.Module,
    split: Split,
    *,
    reference: nn.Module | None = None,
    logits: np.ndarray | None = None,
    reference_logits: np.ndarray | None = None,
    cost: bool = True,
    seconds: float = 0.3,
    level: float = 0.95,
    batch_size: int = 250,
) -> Audit:
    """Audit `model` on `split`, beside a reference model if one is given.

    Parameters
    ----------
    model, reference : nn.Module
        Take ``split.inputs()`` and return logits [n, C]. Their mode and weights are left alone.
    split : Split
        One label a row.
    logits, reference_logits : float [N, C], optional
        Outputs that are known already; the model is then not run again.
    cost : bool
        Whether to measure parameters, bytes, multiply-accumulates and latency.
    seconds : float
        Time spent on each model's latency; 0 leaves it out.
    level : float
        Confidence of the intervals.
    batch_size : int

    Raises
    ------
    ValueError
        On an empty split, inputs that a model does not take, logits of another shape or number of classes, NaN or infinite logits.
    TypeError
        On a multi-label split.

    Examples
    --------
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
    if logits is None:
        logits = _run(model, split, batch_size, "model")
    if reference is not None and reference_logits is None:
        reference_logits = _run(reference, split, batch_size, "reference")
    found = replace(
        audit_logits(logits, split, reference_logits, level),
        model_sha=model_sha(model),
        reference_sha=None if reference is None else model_sha(reference),
    )
    if not cost:
        return found
    own, other = _costs(model, reference, split, seconds)
    summary = pd.concat([found.summary, cost_summary(own, other)])
    return replace(found, summary=summary, cost=own, reference_cost=other)


def _run(model: nn.Module, split: Split, batch_size: int, whose: str) -> np.ndarray:
    try:
        return predict(model, split, batch_size=batch_size)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError) as error:  # user models raise either for inputs of another shape
        shape = list(split.inputs(slice(0, 1)).shape)
        raise ValueError(
            f"the {whose} does not take this split's examples (float32 {shape}): {str(error).splitlines()[0]}"
        ) from error


def _costs(model: nn.Module, reference: nn.Module | None, split: Split, seconds: float) -> tuple[Cost, Cost | None]:
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    example = split.inputs(slice(0, 1)).to(device)
    own = measure_cost(model, example, reference=reference, seconds=seconds)
    return own, None if reference is None else measure_cost(reference, example, seconds=0)


def cost_summary(own: Cost, other: Cost | None) -> pd.Series:
    """Return the figures of a summary that follow from the cost of a model and of its reference."""
    figures = _counts(own)
    ratios = {}
    if other is not None:
        base = _counts(other)
        ratios = {f"{name}_ratio": figures[name] / base[name] if base[name] else np.nan for name in figures}
    if own.latency is not None:
        figures["latency_ms"] = own.latency.median
        if own.latency.ratio is not None:
            ratios["latency_ratio"] = 1 / own.latency.ratio  # theirs is a speed-up, ours a share like the other ratios
    return pd.Series({**figures, **ratios}, dtype=float)


def _counts(cost: Cost) -> dict[str, float]:
    return {"parameters": cost.parameters, "nonzeros": cost.nonzeros, "bytes": cost.total_bytes, "macs": cost.macs}
