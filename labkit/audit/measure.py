"""`Measure` and `Limit`: what the audit, the tables, the limits and the pages know about a figure of merit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from labkit.registry import Entry, Param, Parameter, Registry

if TYPE_CHECKING:
    import pandas as pd

Better = Literal["higher", "lower"]
Task = Literal["classification", "multilabel", "nodes"]
TASKS: tuple[Task, ...] = ("classification", "multilabel", "nodes")
NEEDS = ("reference", "groups", "model", "cost", "probabilities")


@dataclass(frozen=True)
class Value:
    """One figure with the limits of its confidence interval.

    Parameters
    ----------
    value : float
    low, high : float, optional
        None where no interval is known.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Measured:
    """What a measure found.

    Parameters
    ----------
    figures : mapping of str to float or Value
        Keys of `Audit.summary`: the measure's own key, or the key with a suffix such as ``_ratio`` or ``[COLUMN]``.
    tables : mapping of str to DataFrame
        Kept in `Audit.extras`.
    notes : tuple of str
        Sentences a reader should know.
    """

    figures: Mapping[str, float | Value] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limit:
    """A limit on a measure, as `labkit.runs.recommend`, the command line and the page Compare offer it.

    Parameters
    ----------
    slider : Param
        Range of the slider, in the units that are shown, e.g. percentage points.
    name : str
        Name of the argument and option; by default the measure's key.
    title : str
        Label of the slider; by default "TITLE at most" or "TITLE at least".
    figure : str
        Key in `Audit.summary` it is about; by default the measure's key. Of figures by group, ``KEY[COLUMN]``, the worst counts.
    unit : str
        Unit of the slider.
    scale : float
        Shown value over stored value, e.g. 100 for percentage points of a fraction.
    negate : bool
        Whether the limit is on minus the figure, e.g. a drop of accuracy on its change.
    default : float, optional
        Limit (in stored units) that holds where nobody states one; None for no limit.
    said : str
        Sentence part with ``{}`` for the shown value, e.g. "an accuracy loss of at most {} pp"; made from the title by default.
    zero : str
        Sentence part for a limit of 0; as `said` by default.
    """

    slider: Param
    name: str = ""
    title: str = ""
    figure: str = ""
    unit: str = ""
    scale: float = 1.0
    negate: bool = False
    default: float | None = None
    said: str = ""
    zero: str = ""


@dataclass(frozen=True)
class Measure(Entry):
    """A figure of merit of a model, with everything that shows, stores or limits it.

    Parameters
    ----------
    key : str
        Its name in `Audit.summary`; a Python identifier.
    title : str
        Its name in tables and on cards.
    unit : str
        Shown after the value, e.g. "pp"; "" for none.
    compute : callable
        ``compute(evidence, **params)`` with an `Evidence`; returns a float, a `Value`, a mapping of summary keys to either, or a
        `Measured`.
    better : {"higher", "lower"}
    format : str or callable
        "percent", "points", "count", "bytes", "operations", "ms", a format specification such as ".3f", or a function
        ``format(value) -> str``.
    help : str
        One sentence, shown as a tooltip.
    limit : Limit, optional
    needs : str or tuple of str
        What it cannot be computed without: "reference", "groups", "model" (the networks themselves), "cost",
        "probabilities" (more than the predicted classes).
    tables : mapping of str to str or callable
        Names of the tables it returns, and the function of `labkit.figures` (or a callable) that draws each; "" for a plain table.
    when : {"always", "asked"}
        "asked" for measures that take long: computed only when named.
    tasks : tuple of str
        Tasks it applies to: "classification", "multilabel", "nodes".
    headline : bool
        Whether it is among the cards and the columns of short tables.
    params : dict of str to Param, Choice, Names or Optional
        Settings of `compute`.
    version : int
        Increased when results change.
    paper : str
        Source.
    delta : callable, optional
        ``delta(figures) -> (text, tone)``: the line under the value on a card, from all figures of the summary.
    """

    key: str
    title: str
    unit: str = ""
    better: Better = field(default="higher", kw_only=True)
    format: str | Callable[[float], str] = field(default=".4g", kw_only=True)
    help: str = field(default="", kw_only=True)
    limit: Limit | None = field(default=None, kw_only=True)
    compute: Callable[..., Any] = field(kw_only=True)
    needs: tuple[str, ...] = field(default=(), kw_only=True)
    tables: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    when: Literal["always", "asked"] = field(default="always", kw_only=True)
    tasks: tuple[str, ...] = field(default=("classification", "nodes"), kw_only=True)
    headline: bool = field(default=True, kw_only=True)
    params: dict[str, Parameter] = field(default_factory=dict, kw_only=True)
    version: int = field(default=1, kw_only=True)
    paper: str = field(default="", kw_only=True)
    delta: Callable[[Mapping[str, float]], tuple[str, str]] | None = field(default=None, kw_only=True)
    kind = "measure"

    def __post_init__(self) -> None:
        for name in ("needs", "tasks"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        if self.needs == ("nothing",):
            object.__setattr__(self, "needs", ())
        for name, allowed in (("needs", NEEDS), ("tasks", TASKS)):
            for word in getattr(self, name):
                if word not in allowed:
                    raise ValueError(f"{name} of measure {self.key} must be among {', '.join(allowed)}, got {word!r}")
        if self.better not in ("higher", "lower"):
            raise ValueError(f"better of measure {self.key} must be 'higher' or 'lower', got {self.better!r}")
        if self.when not in ("always", "asked"):
            raise ValueError(f"when of measure {self.key} must be 'always' or 'asked', got {self.when!r}")

    @property
    def name(self) -> str:  # type: ignore[override]
        """Its key; the registry's name for it."""
        return self.key


MEASURES: Registry[Measure] = Registry(Measure, "labkit.audit", "a measure of your own needs --plugin FILE")
register_measure, get_measure = MEASURES.register, MEASURES.find
