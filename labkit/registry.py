"""What the three registries (methods, rules, measures) have in common: typed parameters, entries and a dict that checks names."""

from __future__ import annotations

import importlib
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from labkit.messages import said, unknown_name
from labkit.words import shortly

log = logging.getLogger("labkit")


@dataclass(frozen=True)
class Param:
    """A numeric parameter and the range of its slider.

    Parameters
    ----------
    low, high : float
        Ends of the slider. An entry may accept values outside this range and validates them itself.
    default : float
    step : float
        Step of the slider and of the precomputed grid.
    help : str
        One line, shown as a tooltip.
    live : bool
        Whether the page Live shows a slider for this parameter; otherwise it keeps its default there.

    Raises
    ------
    ValueError
        Unless ``low <= default <= high`` and ``step > 0``.
    """

    low: float
    high: float
    default: float
    step: float = 0.01
    help: str = ""
    live: bool = True

    def __post_init__(self) -> None:
        if not self.low <= self.default <= self.high or self.step <= 0:
            raise ValueError(f"a parameter needs low <= default <= high and step > 0, got {self}")

    @property
    def whole(self) -> bool:
        """Whether values are integers: low, step and default are."""
        return all(isinstance(bound, int) for bound in (self.low, self.step, self.default))

    @property
    def domain(self) -> str:
        """The allowed values as text, for tables and option help."""
        return f"{self.low:g} to {self.high:g}"

    def parse(self, value: Any) -> float:
        """Convert a value to a number.

        Parameters
        ----------
        value : object
            A number, or its text.

        Returns
        -------
        float
            An int when the parameter is `whole`.

        Raises
        ------
        ValueError
            When `value` is not a finite number, or not an integer where one is needed.
        """
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"needs a number, got {shortly(value)}") from None
        if not math.isfinite(number):
            raise ValueError(f"needs a finite number, got {shortly(value)}")
        if self.whole and number != int(number):
            raise ValueError(f"needs a whole number, got {shortly(value)}")
        return int(number) if self.whole else number

    def grid(self) -> list[float]:
        """Return every step of the slider, with both ends and the default.

        Returns
        -------
        list of float
        """
        count = math.floor((self.high - self.low) / self.step + 1e-9)
        steps = {round(self.low + i * self.step, 10) for i in range(count + 1)}
        return sorted({self.parse(value) for value in (*steps, self.high, self.default)})


@dataclass(frozen=True)
class Choice:
    """A categorical parameter.

    Parameters
    ----------
    options : tuple of str
    default : str
    help : str
        One line, shown as a tooltip.
    free : bool
        Whether other values are allowed too, e.g. a pattern of layer names.
    omit_default : bool
        Whether `Entry.settings` leaves it out at its default: a parameter that was added later then changes no existing id.
    titles : mapping of str to str
        Options in words, e.g. ``{"inner": "all but first and last layers"}``; an option without a title stands for itself.
    """

    options: tuple[str, ...]
    default: str
    help: str = ""
    free: bool = False
    omit_default: bool = False
    titles: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def domain(self) -> str:
        """The allowed values as text, for tables and option help."""
        return "|".join(self.options)

    def title(self, value: Any) -> str:
        """Return a value in words.

        Parameters
        ----------
        value : object

        Returns
        -------
        str

        Examples
        --------
        >>> layers = Choice(("all", "inner"), "all", free=True, titles={"all": "all layers"})
        >>> layers.title("all"), layers.title("inner"), layers.title("blocks.*")
        ('all layers', 'inner', 'blocks.*')
        """
        if isinstance(value, str):
            return self.titles.get(value, value)
        return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)

    def parse(self, value: Any) -> Any:
        """Check a value.

        Parameters
        ----------
        value : object

        Returns
        -------
        object
            The value itself.

        Raises
        ------
        ValueError
            When it is not among the options and the parameter is not `free`.
        """
        if self.free or value in self.options:
            return value
        raise ValueError(f"must be one of {', '.join(self.options)}, got {shortly(value)}")


@dataclass(frozen=True)
class Names:
    """A parameter that takes a list of names or patterns, e.g. layers to exclude.

    Parameters
    ----------
    default : tuple of str
    help : str
        One line, shown as a tooltip.
    """

    default: tuple[str, ...] = ()
    help: str = ""

    @property
    def domain(self) -> str:
        """The allowed values as text, for tables and option help."""
        return "names"

    def parse(self, value: Any) -> tuple[str, ...]:
        """Convert a value to a tuple of names.

        Parameters
        ----------
        value : str or iterable of str
            Names separated by commas, or a list of them.

        Returns
        -------
        tuple of str

        Raises
        ------
        ValueError
            When it is neither.
        """
        parts = value.split(",") if isinstance(value, str) else list(value) if isinstance(value, Iterable) else None
        if parts is None or not all(isinstance(part, str) for part in parts):
            raise ValueError(f"needs names separated by commas, got {shortly(value)}")
        return tuple(part.strip() for part in parts if part.strip())


@dataclass(frozen=True)
class Optional:
    """A parameter that may be left unset.

    Parameters
    ----------
    inner : Param, Choice or Names
        Describes the values when it is set.
    """

    inner: Param | Choice | Names

    @property
    def default(self) -> None:
        """Unset."""
        return None

    @property
    def help(self) -> str:
        """One line, shown as a tooltip."""
        return self.inner.help

    @property
    def domain(self) -> str:
        """The allowed values as text, for tables and option help."""
        return self.inner.domain

    def parse(self, value: Any) -> Any:
        """Convert a value as the inner parameter does; None stays None.

        Parameters
        ----------
        value : object

        Returns
        -------
        object
        """
        return None if value is None else self.inner.parse(value)


Parameter = Param | Choice | Names | Optional


class Entry:
    """Base of `Method`, `Rule` and `Measure`: a name, a title, typed parameters and a version.

    Subclasses are dataclasses with the fields ``name``, ``title``, ``params`` and ``version``, and set `kind`.
    """

    kind = "entry"
    name: str
    title: str
    params: dict[str, Any]
    version: int

    def settings(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the value of every parameter.

        Parameters
        ----------
        given : dict
            Values of some parameters, as numbers or text; the others take their defaults.

        Returns
        -------
        dict
            Without categorical parameters with ``omit_default`` that are at their default.

        Raises
        ------
        ValueError
            For an unknown parameter, or a value of the wrong type.
        """
        for name in given:
            if name not in self.params:
                raise unknown_name(f"parameter of {self.name}", name, self.params)
        chosen = {}
        for name, param in self.params.items():
            try:
                chosen[name] = param.parse(given.get(name, param.default))
            except ValueError as error:
                raise ValueError(f"parameter {name} of {self.name} {error}") from None
            if isinstance(param, Choice) and param.omit_default and chosen[name] == param.default:
                del chosen[name]
        return chosen


E = TypeVar("E", bound=Entry)


class Registry(dict[str, E], Generic[E]):
    """Entries by name, in the order in which they were registered.

    Parameters
    ----------
    entry : type
        Class of the entries; a subclass of `Entry`.
    home : str
        Public module of the entry class, for messages.
    remedy : str
        Appended to the message for an unknown name.
    """

    def __init__(self, entry: type[E], home: str, remedy: str = "") -> None:
        super().__init__()
        self.entry, self.home, self.remedy = entry, home, remedy
        self.aliases: dict[str, str] = {}

    @property
    def kind(self) -> str:
        """What its entries are called: "method", "rule" or "measure"."""
        return self.entry.kind

    def register(self, entry: E) -> E:
        """Add an entry; one of the same name is replaced.

        Parameters
        ----------
        entry : Entry

        Returns
        -------
        Entry
            The same entry.

        Raises
        ------
        TypeError
            When it is not of the registry's class.
        ValueError
            When its name is not a Python identifier.
        """
        if not isinstance(entry, self.entry):
            raise TypeError(f"register takes a {self.home}.{self.entry.__name__}, got {type(entry).__name__}")
        if not str(entry.name).isidentifier():
            raise ValueError(f"a {self.kind}'s name must be a Python identifier, got {shortly(entry.name)}")
        self[entry.name] = entry
        return entry

    def find(self, name: str) -> E:
        """Return an entry by its name or an alias of it.

        Parameters
        ----------
        name : str

        Returns
        -------
        Entry

        Raises
        ------
        ValueError
            For an unknown name, with the nearest known ones.
        """
        name = name if name in self else self.aliases.get(name, name)
        if name not in self:
            raise unknown_name(self.kind, name, self, self.remedy)
        return self[name]


# the module of each registry, the attribute that holds it, and the entry point group that fills it
HOMES = {
    "labkit.rules": ("labkit.sparsify", "RULES"),
    "labkit.methods": ("labkit.compress", "METHODS"),
    "labkit.measures": ("labkit.audit", "MEASURES"),
}


def registries() -> list[Registry]:
    """Return the registries of methods, rules and measures.

    Returns
    -------
    list of Registry
    """
    return [getattr(importlib.import_module(module), name) for module, name in HOMES.values()]


def load_entry_points(group: str = "labkit.methods", load: Callable = entry_points) -> None:
    """Import the entry points of a group; importing one registers what it defines.

    A package that fails to import is logged and skipped, so that it does not disable everything else.

    Parameters
    ----------
    group : str
        A key of `HOMES`.
    load : callable
        Looks entry points up by ``group=``; `importlib.metadata.entry_points`.
    """
    for point in load(group=group):
        try:
            point.load()
        except (Exception, SystemExit) as error:  # somebody else's package may raise anything
            log.warning("entry point %s (%s) of %s cannot be loaded: %s", point.name, point.value, group, said(error))
