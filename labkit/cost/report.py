"""`cost`: parameters, storage, MACs, latency and throughput of a module in one object."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd
from torch import nn

from labkit.cost.counting import Counts
from labkit.cost.macs import counted, paper_macs
from labkit.cost.notes import count_notes
from labkit.cost.storage import bytes_by_kind, count_nonzeros, count_parameters
from labkit.cost.timing import Latency, Throughput, latency, throughput
from labkit.forwarding import Example
from labkit.untouched import untouched

FOR_LATENCY = 0.6  # of the time, where the throughput is measured too


@dataclass(frozen=True)
class Cost:
    """Cost of a module for one example input.

    Attributes
    ----------
    parameters, nonzeros : int
        Numbers of parameters and of those that are not zero; shared tensors count once.
    bytes : dict
        Storage by kind: ``values``, ``indices``, ``masks``, ``other``; `total_bytes` is their sum.
    macs : int
        Multiply-accumulates of one pass over the example, including its batch.
    latency : Latency or None
        None if it was not measured.
    layers : DataFrame
        Columns type, parameters and macs, indexed by the path of the layer.
    convention : str
        "standard" or "paper", see `cost`.
    notes : tuple of str
        What `macs` may lack: operators without a formula, layers with weights that did not multiply or did not run.
    throughput : Throughput or None
        None if it was not measured.
    """

    parameters: int
    nonzeros: int
    bytes: dict[str, int]
    macs: int
    latency: Latency | None
    layers: pd.DataFrame
    convention: str = "standard"
    notes: tuple[str, ...] = ()
    throughput: Throughput | None = None

    @property
    def flops(self) -> int:
        """Floating-point operations, ``2 * macs``."""
        return 2 * self.macs

    @property
    def total_bytes(self) -> int:
        """Sum of `bytes`."""
        return sum(self.bytes.values())

    def to_dict(self) -> dict:
        """Convert to JSON types, without `layers`.

        Returns
        -------
        dict
            For `from_dict`.
        """
        return {
            "parameters": self.parameters,
            "nonzeros": self.nonzeros,
            "bytes": {**self.bytes, "total": self.total_bytes},
            "macs": self.macs,
            "flops": self.flops,
            "latency_ms": None if self.latency is None else asdict(self.latency),
            **({} if self.throughput is None else {"throughput": asdict(self.throughput)}),
            "convention": self.convention,
            **({"notes": list(self.notes)} if self.notes else {}),
        }

    @classmethod
    def from_dict(cls, facts: dict) -> Cost:
        """Rebuild a Cost from `to_dict`, with empty `layers`.

        Parameters
        ----------
        facts : dict
            As returned by `to_dict`.

        Returns
        -------
        Cost
            Equal in all other attributes.
        """
        return cls(
            parameters=facts["parameters"],
            nonzeros=facts["nonzeros"],
            bytes={kind: size for kind, size in facts["bytes"].items() if kind != "total"},
            macs=facts["macs"],
            latency=None if facts["latency_ms"] is None else Latency(**facts["latency_ms"]),
            layers=pd.DataFrame(columns=["layer", "type", "parameters", "macs"]).set_index("layer"),
            convention=facts["convention"],
            notes=tuple(facts.get("notes", ())),
            throughput=Throughput(**facts["throughput"]) if facts.get("throughput") else None,
        )

    def __repr__(self) -> str:
        timing = "" if self.latency is None else f", latency={self.latency}"
        timing += "" if self.throughput is None else f", throughput={self.throughput}"
        counts = f"parameters={self.parameters:,}, nonzeros={self.nonzeros:,}, bytes={self.total_bytes:,}, macs={self.macs:,}"
        return f"Cost({counts}{timing})"


def cost(
    model: nn.Module,
    example: Example,
    convention: Literal["standard", "paper"] = "standard",
    *,
    reference: nn.Module | None = None,
    batch: Example | None = None,
    seconds: float = 0.5,
    who: str = "the model",
) -> Cost:
    """Measure the cost of a model.

    Parameters
    ----------
    model : nn.Module
        The model; left as it was. Inputs are cast to its dtype if it does not take them as they are.
    example : Tensor, tuple or dict
        Input: a tensor, a tuple of arguments or a dict of keyword arguments. Its batch size counts.
    convention : {"standard", "paper"}
        "paper" is that of Deep Roots: only parameters and MACs of convolutions and linear layers, plus one MAC per bias.
    reference : nn.Module, optional
        Timed alternately with the model.
    batch : Tensor, tuple or dict, optional
        Several examples, to measure the throughput too.
    seconds : float
        Time spent on the latency and throughput of each model; 0 skips both.
    who : str
        What messages call the model.

    Returns
    -------
    Cost
        Parameters, nonzeros, bytes, MACs, latency and throughput.

    Raises
    ------
    ValueError
        If the convention is unknown, `seconds` is negative, or the model does not accept the example.

    References
    ----------
    Ioannou et al., Deep Roots: Improving CNN Efficiency with Hierarchical Filter Groups, CVPR 2017.

    Examples
    --------
    >>> import torch
    >>> c = cost(nn.Linear(4, 3), torch.zeros(1, 4), seconds=0)
    >>> c.parameters, c.macs, c.bytes["values"]
    (15, 12, 60)
    """
    if convention not in ("standard", "paper"):
        raise ValueError(f"convention must be 'standard' or 'paper', got {convention!r}")
    if seconds < 0:
        raise ValueError(f"seconds must not be negative, got {seconds}")
    counts = counted(model, example, who)
    share = FOR_LATENCY if batch is not None else 1.0
    with untouched(model):
        return Cost(
            parameters=count_parameters(model, convention),
            nonzeros=count_nonzeros(model, convention),
            bytes=bytes_by_kind(model),
            macs=counts.macs[""] if convention == "standard" else paper_macs(model, example),
            latency=latency(model, example, reference=reference, seconds=share * seconds) if seconds else None,
            layers=_layers(model, counts),
            convention=convention,
            notes=count_notes(model, counts),
            throughput=_throughput(model, batch, reference, (1 - share) * seconds),
        )


def _throughput(model: nn.Module, batch: Example | None, reference: nn.Module | None, seconds: float) -> Throughput | None:
    return None if batch is None or not seconds else throughput(model, batch, reference=reference, seconds=seconds)


def _layers(model: nn.Module, counts: Counts) -> pd.DataFrame:
    """One row for each layer without submodules, and for each module that multiplies by itself (attention, LoRA)."""
    rows = []
    for name, m in model.named_modules():
        inside = "parametrizations" in name.split(".")
        is_leaf = not any(child != "parametrizations" for child, _ in m.named_children())
        if name and not inside and (is_leaf or counts.own.get(name)):
            parameters = sum(p.numel() for p in m.parameters(recurse=is_leaf))
            macs = (counts.macs if is_leaf else counts.own).get(name, 0)
            rows.append({"layer": name, "type": type(m).__name__, "parameters": parameters, "macs": macs})
    return pd.DataFrame(rows, columns=["layer", "type", "parameters", "macs"]).set_index("layer")
