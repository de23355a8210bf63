"""Where and when a time was measured."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn


def machine_of(model: nn.Module) -> str:
    """Return the name of the processor, or of the GPU, that runs a network.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    str
        E.g. "AMD EPYC 7B13"; the architecture where the system does not say more.
    """
    parameter = next(model.parameters(), None)
    if parameter is not None and parameter.device.type == "cuda":
        return torch.cuda.get_device_name(parameter.device)
    return _processor()


def now() -> str:
    """Return the time in UTC, ISO 8601, without fractions of a second.

    Returns
    -------
    str
    """
    return datetime.now(UTC).replace(microsecond=0).isoformat()


@lru_cache(maxsize=1)
def _processor() -> str:
    facts = Path("/proc/cpuinfo")  # platform.processor() is empty or the architecture on Linux
    lines = facts.read_text(errors="replace").splitlines() if facts.is_file() else []
    names = (line.partition(":")[2] for line in lines if line.startswith("model name"))
    return " ".join(next(names, "").split()) or platform.processor() or platform.machine()
