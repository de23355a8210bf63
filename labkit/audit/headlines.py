"""The few figures of an audit that a reader looks at first, in words: what cards, tables and reports show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Tone = Literal["good", "bad", "neutral"]


@dataclass(frozen=True)
class Headline:
    """One figure in words.

    Attributes
    ----------
    key : str
        Its name in `Audit.summary`.
    title, value, delta : str
        E.g. "accuracy", "92.38 %", "-0.20 pp (-0.50 to +0.10)"; `delta` is "" without a reference.
    tone : {"good", "bad", "neutral"}
        Whether the change is for the better; a change that chance explains is neutral.
    help : str
        One sentence.
    """

    key: str
    title: str
    value: str
    delta: str
    tone: Tone
    help: str


def headlines(summary: pd.Series | Mapping[str, float]) -> list[Headline]:
    """Say an audit's summary in a handful of figures; what was not measured is left out.

    Examples
    --------
    >>> [h.value for h in headlines({"accuracy": 0.9, "accuracy_low": 0.88, "accuracy_high": 0.92, "bytes": 2.5e6})]
    ['90.00 %', '2.50 MB']
    """
    figures = {str(key): float(value) for key, value in summary.items() if value is not None and value == value}
    makers = (_accuracy, _worst_class, _affected, _worst_group, _gap, _bytes, _latency, _macs)
    return [found for make in makers if (found := make(figures)) is not None]


def percent(rate: float, digits: int = 2) -> str:
    """0.9238 -> "92.38 %"."""
    return f"{100 * rate:.{digits}f} %"


def points(change: float, digits: int = 2) -> str:
    """-0.002 -> "−0.20 pp", with a true minus sign."""
    return f"{signed(100 * change, digits)} pp"


def signed(number: float, digits: int = 2) -> str:
    """-0.2 -> "−0.20", 0.2 -> "+0.20", and no sign on what rounds to zero."""
    text = f"{abs(number):.{digits}f}"
    return text if not float(text) else ("+" if number > 0 else "−") + text


def size(count: float, unit: str = "B") -> str:
    """5_067_464 -> "5.07 MB"."""
    text, prefix = "0", ""
    for prefix in ("", "k", "M", "G", "T"):
        text = f"{count:.0f}" if not prefix or abs(count) >= 99.995 else f"{count:.2f}"
        if abs(float(text)) < 1000:  # as it is written: 999,999 bytes are 1.00 MB
            break
        count /= 1000
    return f"{text if float(text) else 0} {prefix}{unit}".rstrip()


def _accuracy(figures: dict[str, float]) -> Headline | None:
    if "accuracy" not in figures:
        return None
    delta, tone = "", "neutral"
    if {"accuracy_change", "accuracy_change_low", "accuracy_change_high"} <= figures.keys():
        low, high = figures["accuracy_change_low"], figures["accuracy_change_high"]
        delta = f"{points(figures['accuracy_change'])} ({signed(100 * low)} to {signed(100 * high)})"
        tone = "bad" if high < 0 else "good" if low > 0 else "neutral"
    elif {"accuracy_low", "accuracy_high"} <= figures.keys():
        delta = f"{percent(figures['accuracy_low'])} to {percent(figures['accuracy_high'])}"
    return Headline(
        "accuracy",
        "accuracy",
        percent(figures["accuracy"]),
        delta,
        tone,  # type: ignore[arg-type]
        "Share of examples classified right; below it the change against the uncompressed network with its 95 % interval.",
    )


def _worst_class(figures: dict[str, float]) -> Headline | None:
    if "worst_class_change" not in figures:
        return None
    change = figures["worst_class_change"]
    text = "Change of accuracy of the class that lost most, in percentage points."
    return Headline("worst_class_change", "worst class", points(change, 1), "", "bad" if change < 0 else "neutral", text)


def _affected(figures: dict[str, float]) -> Headline | None:
    if "affected_classes" not in figures:
        return None
    count = int(figures["affected_classes"])
    text = "Classes whose accuracy changed beyond chance: exact McNemar test, Benjamini-Hochberg, q < 0.05."
    return Headline("affected_classes", "affected classes", f"{count}", "", "bad" if count else "good", text)


def _worst_group(figures: dict[str, float]) -> Headline | None:
    found = {key: value for key, value in figures.items() if key.startswith("worst_group_accuracy[")}
    if not found:
        return None
    key = min(found, key=lambda name: found[name])
    text = "Accuracy of the sensitive group that is served worst."
    return Headline(key, "worst group", percent(found[key], 1), f"by {_column(key)}", "neutral", text)


def _gap(figures: dict[str, float]) -> Headline | None:
    found = {key: value for key, value in figures.items() if key.startswith("eod[")}
    if not found:
        return None
    key = max(found, key=lambda name: found[name])
    text = "Equalized odds difference: the largest gap between groups in true or false positive rates; 0 is parity."
    return Headline(key, "equalized odds gap", f"{100 * found[key]:.1f} pp", f"by {_column(key)}", "neutral", text)


def _column(key: str) -> str:
    return key[key.index("[") + 1 : -1]


def _bytes(figures: dict[str, float]) -> Headline | None:
    if "bytes" not in figures:
        return None
    text = "Every stored byte: values, indices and masks."
    delta, tone = _ratio(figures.get("bytes_ratio"))
    return Headline("bytes", "size", size(figures["bytes"]), delta, tone, text)


def _latency(figures: dict[str, float]) -> Headline | None:
    if "latency_ms" not in figures:
        return None
    text = "Median time for one example, timed alternately with the uncompressed network on the machine that made the figures."
    delta, tone = _ratio(figures.get("latency_ratio"), even=0.05)
    value = figures["latency_ms"]
    return Headline("latency_ms", "latency", f"{value:.3g} ms" if value < 999.5 else f"{value:.0f} ms", delta, tone, text)


def _macs(figures: dict[str, float]) -> Headline | None:
    if "macs" not in figures:
        return None
    text = "Multiply-accumulates that really run for one example."
    delta, tone = _ratio(figures.get("macs_ratio"))
    return Headline("macs", "multiply-adds", size(figures["macs"], ""), delta, tone, text)


def _ratio(ratio: float | None, even: float = 0.005) -> tuple[str, Tone]:
    """In words, against the uncompressed network; ratios within `even` of 1 are neither good nor bad."""
    if ratio is None:
        return "", "neutral"
    tone: Tone = "neutral" if abs(ratio - 1) <= even else "good" if ratio < 1 else "bad"
    return f"{100 * ratio:.0f} % of uncompressed", tone
