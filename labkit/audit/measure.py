"""`Measure`, `Limit` and their registry: everything that audits, tables, limits and pages need to know about a figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from labkit.audit.formats import Format, format_of
from labkit.registry import Entry, Param, Parameter, Registry

if TYPE_CHECKING:
    import pandas as pd

Better = Literal["higher", "lower"]
Task = Literal["classification", "multilabel", "nodes"]
TASKS: tuple[Task, ...] = ("classification", "multilabel", "nodes")
RESERVED = (
    *("id", "method", "version", "model", "data", "seed", "model_sha", "data_id", "created"),
    *("damaged", "label", "in_words", "series", "examples"),
)
NEEDS = ("reference", "groups", "model", "cost", "probabilities")


@dataclass(frozen=True)
class Value:
    """A figure with its confidence interval.

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
    """The result of a measure.

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
    bound : str
        Key of the limit of the interval by which a run is judged unless the estimate is asked for; by default the worse of
        ``KEY_low`` and ``KEY_high`` of `figure`. Figures without an interval are judged by themselves.
    what : str
        The figure in words, e.g. "accuracy loss"; by default the measure's title.
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
    lower : bool, optional
        Whether it is a lower bound; by default where higher is better.
    """

    slider: Param
    name: str = ""
    title: str = ""
    figure: str = ""
    bound: str = ""
    what: str = ""
    unit: str = ""
    scale: float = 1.0
    negate: bool = False
    default: float | None = None
    said: str = ""
    zero: str = ""
    lower: bool | None = None

    def sentence(self, value: float) -> str:
        """Return the limit in words, e.g. "an accuracy loss of at most 1 pp".

        Parameters
        ----------
        value : float
            In stored units.

        Returns
        -------
        str
        """
        return self.zero if self.zero and not value else self.said.format(f"{self.scale * value:g}")

    def shown(self, value: float) -> str:
        """Return a value in the unit of the slider, e.g. "1.3 pp".

        Parameters
        ----------
        value : float
            In stored units, as the limit counts it (a drop is positive).

        Returns
        -------
        str
        """
        number = self.scale * value
        text = f"{number:.0f}" if abs(number - round(number)) < 1e-9 else f"{number:.3g}" if abs(number) < 100 else f"{number:.0f}"
        return f"{text} {self.unit}".rstrip()


@dataclass(frozen=True)
class Column:
    """A column of a table of runs.

    Parameters
    ----------
    figure : str
        Key in `Audit.summary`.
    title : str
    format : str or callable
        As `Measure.format`.
    help : str
    short : bool
        Whether it is in short tables too, e.g. on the command line.
    unit : str
    interval : bool
        Whether a table shows ``FIGURE_low`` and ``FIGURE_high`` beside the value.
    """

    figure: str
    title: str
    format: str | Callable[[float], str] = ".4g"
    help: str = ""
    short: bool = False
    unit: str = ""
    interval: bool = False

    @property
    def style(self) -> Format:
        """Format of its values."""
        return format_of(self.format, self.unit)

    def said(self, figures: Mapping[str, Any]) -> str:
        """Format its figure, with the interval where the column has one.

        Parameters
        ----------
        figures : mapping of str to float
            A row of the table, or `Audit.summary`.

        Returns
        -------
        str
            "" where it was not measured.

        Examples
        --------
        >>> column = Column("latency_ratio", "latency", "share", interval=True)
        >>> column.said({"latency_ratio": 0.5, "latency_ratio_low": 0.45, "latency_ratio_high": 0.56})
        '50 % (45 to 56 %)'
        """
        value = figures.get(self.figure)
        if value is None or value != value:
            return ""
        interval = self.interval_said(figures) if self.interval else ""
        return f"{self.style.text(value)} ({interval})" if interval else self.style.text(value)

    def interval_said(self, figures: Mapping[str, Any]) -> str:
        """Format the interval of its figure.

        Parameters
        ----------
        figures : mapping of str to float

        Returns
        -------
        str
            E.g. "45 to 56 %"; "cannot tell" where no interval is known, "" where nothing was measured or the value is exact.
        """
        value, low, high = (figures.get(f"{self.figure}{end}") for end in ("", "_low", "_high"))
        if value is None or value != value:
            return ""
        if low is None or high is None or low != low or high != high:
            return "cannot tell"
        if low == high:  # the reference beside itself
            return ""
        first = self.style.text(low)
        unit = first[len(first.rstrip(" %x")) :]  # said once
        return f"{first.removesuffix(unit)} to {self.style.text(high)}"


@dataclass(frozen=True)
class Measure(Entry):
    """A figure of merit of a model: how it is computed, shown, stored and limited.

    Parameters
    ----------
    key : str
        Its name in `Audit.summary`; a Python identifier.
    title : str
        Its name in tables and on cards.
    unit : str
        Shown after a value whose format is a specification, e.g. "pp"; "" for none.
    compute : callable
        ``compute(evidence, **params)`` with an `Evidence`; returns a float, a `Value`, a mapping of summary keys to either, or a
        `Measured`.
    better : {"higher", "lower"}
    format : str or callable
        "percent", "points", "times", "count", "bytes", "operations", "ms", a format specification such as ".3f", or a function
        ``format(value) -> str``.
    help : str
        One sentence, shown as a tooltip.
    limit : Limit, optional
    needs : str or tuple of str
        What it requires: "reference", "groups", "model" (the networks themselves), "cost",
        "probabilities" (more than the predicted classes).
    tables : mapping of str to str or callable
        Names of the tables it returns, and the function of `labkit.figures` (or a callable) that draws each; "" for a plain table.
    when : {"always", "asked"}
        "asked" for expensive measures, which are computed only on request.
    tasks : tuple of str
        Tasks it applies to: "classification", "multilabel", "nodes".
    headline : bool
        Whether it is shown on cards and in short tables.
    params : dict of str to Param, Choice, Names or Optional
        Settings of `compute`.
    version : int
        Increased when results change.
    paper : str
        Source.
    delta : callable, optional
        ``delta(figures) -> (text, tone)``: the line under the value on a card, from all figures of the summary; tone is "good",
        "bad" or "neutral".
    columns : tuple of Column
        Its columns in tables of runs; by default one with its value.
    neutral : float, optional
        Its value for the reference model itself, e.g. 0 for a change.
    reference : callable, optional
        ``reference(runs) -> dict``: figures of the reference model, from a DataFrame with one row per run of it. By default those
        stored as ``reference_KEY`` and ``KEY`` divided by ``KEY_ratio``.
    repeatable : bool
        Whether equal networks give equal figures. Times do not: they are not made up for later where an older run or grid has none.

    Raises
    ------
    ValueError
        For an unknown need, task, format or other word.
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
    columns: tuple[Column, ...] = field(default=(), kw_only=True)
    neutral: float | None = field(default=None, kw_only=True)
    reference: Callable[[pd.DataFrame], Mapping[str, float]] | None = field(default=None, kw_only=True)
    repeatable: bool = field(default=True, kw_only=True)
    kind = "measure"

    def __post_init__(self) -> None:
        self._check()
        if not self.columns:
            column = Column(self.key, self.title, self.format, self.help, self.headline, self.unit)
            object.__setattr__(self, "columns", (column,))
        if self.limit is not None:
            object.__setattr__(self, "limit", self._whole(self.limit))

    def _check(self) -> None:
        """Normalise options to tuples, and reject unknown ones."""
        for name, allowed in (("needs", NEEDS), ("tasks", TASKS)):
            value = getattr(self, name)
            words = tuple(word for word in ((value,) if isinstance(value, str) else value) if word != "nothing")
            object.__setattr__(self, name, words)
            for word in words:
                if word not in allowed:
                    raise ValueError(f"{name} of measure {self.key} must be among {', '.join(allowed)}, got {word!r}")
        for name, options in (("better", ("higher", "lower")), ("when", ("always", "asked"))):
            if getattr(self, name) not in options:
                raise ValueError(
                    f"{name} of measure {self.key} must be {' or '.join(map(repr, options))}, got {getattr(self, name)!r}"
                )
        format_of(self.format)
        if self.key in RESERVED:
            raise ValueError(
                f"a measure cannot be named {self.key!r}: tables of runs have a column of that name; choose another key"
            )

    def _whole(self, limit: Limit) -> Limit:
        """Fill in the defaults of a limit."""
        lower = (self.better == "higher" and not limit.negate) if limit.lower is None else limit.lower
        bound = "at least" if lower else "at most"
        unit = f" {limit.unit}" if limit.unit else ""
        return replace(
            limit,
            name=limit.name or self.key,
            figure=limit.figure or self.key,
            bound=limit.bound or f"{limit.figure or self.key}_{'low' if lower or limit.negate else 'high'}",
            what=limit.what or self.title,
            title=limit.title or f"{self.title} {bound}",
            said=limit.said or f"{self.title} {bound} {{}}{unit}",
            lower=lower,
        )

    @property
    def name(self) -> str:  # type: ignore[override]
        """Its key; the registry's name for it."""
        return self.key

    @property
    def style(self) -> Format:
        """Format of its values."""
        return format_of(self.format, self.unit)

    def shown(self, value: float) -> str:
        """Format a value.

        Parameters
        ----------
        value : float

        Returns
        -------
        str
        """
        return self.style.text(value)

    def worst(self, figures: Mapping[str, float]) -> str | None:
        """Return the summary key of its value, for figures by group that of the worst group.

        Parameters
        ----------
        figures : mapping of str to float

        Returns
        -------
        str or None
            None where it was not measured.
        """
        if self.key in figures:
            return self.key
        found = [name for name in figures.keys() if name.startswith(f"{self.key}[")]  # noqa: SIM118, a Series iterates over values
        choose = min if self.better == "higher" else max
        return choose(found, key=lambda name: figures[name]) if found else None


MEASURES: Registry[Measure] = Registry(Measure, "labkit.audit", "a measure of your own needs --plugin FILE")
register_measure, get_measure = MEASURES.register, MEASURES.find


def limits() -> dict[str, Limit]:
    """Return the limits that measures offer, by name.

    Returns
    -------
    dict of str to Limit

    Raises
    ------
    ValueError
        When two measures have limits of one name.
    """
    found: dict[str, Limit] = {}
    for measure in MEASURES.values():
        if measure.limit is not None:
            if measure.limit.name in found:
                raise ValueError(
                    f"two measures have a limit named {measure.limit.name}; give the limit of {measure.key} another name"
                )
            found[measure.limit.name] = measure.limit
    return found


def columns(figures: Iterable[str], *, short: bool = False) -> list[Column]:
    """Return the columns of a table of runs, for every measure that has one in it.

    Parameters
    ----------
    figures : iterable of str
        Figures that the table holds.
    short : bool
        Only those of short tables.

    Returns
    -------
    list of Column
        In the order of the registry. A figure by group, ``KEY[COLUMN]``, has one for each group column.
    """
    there = [str(name) for name in figures]
    found = []
    for column in (column for measure in MEASURES.values() for column in measure.columns):
        if short and not column.short:
            continue
        if column.figure in there:
            found.append(column)
        for name in there:
            if name.startswith(f"{column.figure}["):
                found.append(replace(column, figure=name, title=f"{column.title} by {group_column(name)}"))
    return found


def group_column(figure: str) -> str:
    """Return the group column of a figure by group.

    Parameters
    ----------
    figure : str

    Returns
    -------
    str
        "" for a figure without one.

    Examples
    --------
    >>> group_column("dpd[age [years]]")
    'age [years]'
    """
    return figure.partition("[")[2][:-1]
