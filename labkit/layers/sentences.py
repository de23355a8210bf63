"""Sentences about layers that stay as they are."""

from __future__ import annotations

SHOWN = 3  # paths that a sentence names


def listed(paths: list[str]) -> str:
    """The first of many paths."""
    return ", ".join(path or "the network" for path in paths[:SHOWN]) + (", …" if len(paths) > SHOWN else "")


def stays_dense(reasons: dict[str, str]) -> list[str]:
    """One sentence for each reason why layers stay dense.

    Examples
    --------
    >>> stays_dense({"a": "its forward was replaced on the instance", "b": "its forward was replaced on the instance"})
    ['2 layers stay dense (a, b): its forward was replaced on the instance']
    """
    by_reason: dict[str, list[str]] = {}
    for path, reason in reasons.items():
        by_reason.setdefault(reason, []).append(path)
    return [
        f"layer {listed(paths)} stays dense: {reason}"
        if len(paths) == 1
        else f"{len(paths)} layers stay dense ({listed(paths)}): {reason}"
        for reason, paths in by_reason.items()
    ]
