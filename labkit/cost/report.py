"""`cost`: everything a module costs, in one object."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd
import torch
from torch import nn

from labkit.cost.macs import Example, macs_by_module, paper_macs
from labkit.cost.storage import bytes_by_kind, count_nonzeros, count_parameters
from labkit.cost.timing import Latency, latency


@dataclass(frozen=True)
class Cost:
    """What a module costs for one example input.

    Attributes
    ----------
    parameters, nonzeros : int
        Shared tensors once.
    bytes : dict
        ``values``, ``indices``, ``masks``, ``other``; `total_bytes` is their sum.
    macs : int
        Multiply-accumulates of one pass over the example, its batch included.
    latency : Latency or None
        None when it was not asked for.
    layers : DataFrame
        MACs and parameters by submodule.
    convention : str
    """

    parameters: int
    nonzeros: int
    bytes: dict[str, int]
    macs: int
    latency: Latency | None
    layers: pd.DataFrame
    convention: str = "standard"

    @property
    def flops(self) -> int:
        """Two for each multiply-accumulate."""
        return 2 * self.macs

    @property
    def total_bytes(self) -> int:
        return sum(self.bytes.values())

    def to_dict(self) -> dict:
        """Plain numbers, ready for JSON; without the table of layers."""
        return {
            "parameters": self.parameters,
            "nonzeros": self.nonzeros,
            "bytes": {**self.bytes, "total": self.total_bytes},
            "macs": self.macs,
            "flops": self.flops,
            "latency_ms": None if self.latency is None else asdict(self.latency),
            "convention": self.convention,
        }

    @classmethod
    def from_dict(cls, facts: dict) -> Cost:
        """Make a Cost of what `to_dict` returned; the table of layers is empty."""
        return cls(
            parameters=facts["parameters"],
            nonzeros=facts["nonzeros"],
            bytes={kind: size for kind, size in facts["bytes"].items() if kind != "total"},
            macs=facts["macs"],
            latency=None if facts["latency_ms"] is None else Latency(**facts["latency_ms"]),
            layers=pd.DataFrame(columns=["layer", "type", "parameters", "macs"]).set_index("layer"),
            convention=facts["convention"],
        )

    def __repr__(self) -> str:
        timing = "" if self.latency is None else f", latency={self.latency}"
        counts = f"parameters={self.parameters:,}, nonzeros={self.nonzeros:,}, bytes={self.total_bytes:,}, macs={self.macs:,}"
        return f"Cost({counts}{timing})"


def cost(
    model: nn.Module,
    example: Example,
    convention: Literal["standard", "paper"] = "standard",
    *,
    reference: nn.Module | None = None,
    seconds: float = 0.5,
) -> Cost:
    """Measure what `model` costs on `example`.

    Parameters
    ----------
    model : nn.Module
    example : Tensor, tuple of arguments, or dict of keyword arguments
        Its batch size counts: MACs and latency are of this very input.
    convention : {"standard", "paper"}
        "paper" is Deep Roots': parameters and MACs of convolutions and linear layers alone, one MAC for each bias.
    reference : nn.Module, optional
        Timed alternately with `model`.
    seconds : float
        Time spent on each model's latency; 0 leaves it out.

    Raises
    ------
    ValueError
        On an unknown convention, negative seconds, or an example the model does not take.

    Examples
    --------
    >>> c = cost(nn.Linear(4, 3), torch.zeros(1, 4), seconds=0)
    >>> c.parameters, c.macs, c.bytes["values"]
    (15, 12, 60)
    """
    if convention not in ("standard", "paper"):
        raise ValueError(f"convention must be 'standard' or 'paper', got {convention!r}")
    if seconds < 0:
        raise ValueError(f"seconds must not be negative, got {seconds}")
    try:
        by_module = macs_by_module(model, example)
        macs = by_module[""] if convention == "standard" else paper_macs(model, example)
    except (RuntimeError, IndexError) as error:  # user models raise either for inputs of another shape
        raise ValueError(f"the model does not take this example ({_shape(example)}): {str(error).splitlines()[0]}") from error
    return Cost(
        parameters=count_parameters(model, convention),
        nonzeros=count_nonzeros(model, convention),
        bytes=bytes_by_kind(model),
        macs=macs,
        latency=latency(model, example, reference=reference, seconds=seconds) if seconds else None,
        layers=_layers(model, by_module),
        convention=convention,
    )


def _layers(model: nn.Module, macs: dict[str, int]) -> pd.DataFrame:
    rows = [
        {"layer": name, "type": type(m).__name__, "parameters": sum(p.numel() for p in m.parameters()), "macs": macs.get(name, 0)}
        for name, m in model.named_modules()
        if name and not any(True for _ in m.children())
    ]
    return pd.DataFrame(rows, columns=["layer", "type", "parameters", "macs"]).set_index("layer")


def _shape(example: Example) -> str:
    if isinstance(example, torch.Tensor):
        return f"{example.dtype} {list(example.shape)}"
    parts = example.items() if isinstance(example, dict) else enumerate(example)
    return ", ".join(f"{key}: {list(part.shape) if isinstance(part, torch.Tensor) else part}" for key, part in parts)
