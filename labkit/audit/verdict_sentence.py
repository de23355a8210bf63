"""`verdict`: an audit in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from labkit.audit.headline import Tone
from labkit.audit.measure import group_column
from labkit.audit.verdicts import HARM


@dataclass(frozen=True)
class Verdict:
    """An audit in one sentence.

    Attributes
    ----------
    sentence : str
        E.g. "31 % of the bytes, no class harmed, 1.9x the throughput"; "" where nothing was compared with a reference.
    tone : {"good", "bad", "neutral"}
        "bad" where harm is certain, "good" where the network is smaller and harm is ruled out, else "neutral".
    """

    sentence: str
    tone: Tone


def verdict(summary: pd.Series | Mapping[str, float]) -> Verdict:
    """Say in one sentence what a compression saved and whom it harmed.

    Parameters
    ----------
    summary : Series or mapping of str to float
        `Audit.summary`.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> verdict({"bytes_ratio": 0.31, "harmed_classes": 0.0, "unclear_classes": 0.0})
    Verdict(sentence='31 % of the bytes, no class harmed', tone='good')
    >>> verdict({"bytes_ratio": 0.31, "harmed_classes": 1.0, "unclear_classes": 2.0}).sentence
    '31 % of the bytes, 1 class harmed and 2 that cannot be told'
    """
    figures = {str(key): float(value) for key, value in summary.items() if value is not None and value == value}
    ratio = figures.get("bytes_ratio")
    parts = [] if ratio is None else [f"{100 * ratio:.0f} % of the bytes"]
    if figures.get("accuracy_change_high", 0.0) < -HARM:
        parts.append(f"{-100 * figures['accuracy_change']:.1f} pp less accuracy")
    counted = [("class", "classes", "", "")]
    counted += [("group", "groups", key[len("harmed_groups") :], f" by {group_column(key)}") for key in figures if _by_group(key)]
    parts += [_harm(figures, *words) for words in counted if f"harmed_{words[1]}{words[2]}" in figures]
    parts += _speed(figures)
    return Verdict(", ".join(parts), _tone(figures))


def _by_group(key: str) -> bool:
    return key.startswith("harmed_groups[")


def _harm(figures: Mapping[str, float], one: str, many: str, tail: str, by: str) -> str:
    """Say how many classes or groups are harmed, and of how many it cannot be told."""
    harmed, unclear = figures[f"harmed_{many}{tail}"], figures.get(f"unclear_{many}{tail}", 0.0)
    if harmed:
        rest = f" and {unclear:.0f} that cannot be told" if unclear else ""
        return f"{harmed:.0f} {one if harmed == 1 else many} harmed{by}{rest}"
    if unclear:
        return f"cannot tell whether {unclear:.0f} {one if unclear == 1 else many}{by} {'is' if unclear == 1 else 'are'} harmed"
    return f"no {one} harmed{by}"


def _speed(figures: Mapping[str, float]) -> list[str]:
    """Say the throughput, or else the latency, if it has an interval; an interval that holds 1 is no difference."""
    for key, words in (("throughput_ratio", "{:.2g}x the throughput"), ("latency_ratio", "{:.0%} of the latency")):
        if {key, f"{key}_low", f"{key}_high"} <= figures.keys():
            if figures[f"{key}_low"] <= 1 <= figures[f"{key}_high"]:
                return ["about the same speed"]
            return [words.format(figures[key]).replace("%", " %")]
    return []


def _tone(figures: Mapping[str, float]) -> Tone:
    harmed = [value for key, value in figures.items() if key == "harmed_classes" or _by_group(key)]
    unclear = [value for key, value in figures.items() if key == "unclear_classes" or key.startswith("unclear_groups[")]
    if any(harmed) or figures.get("accuracy_change_high", 0.0) < -HARM:
        return "bad"
    smaller = figures.get("bytes_ratio", 1.0) < 1
    return "good" if smaller and harmed and not any(unclear) else "neutral"
