"""`Method`: what the command line, the sweep grid, the compare page and the live page know about a way to compress."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from labkit.messages import unknown_name

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Param:
    """A number with the range of its slider.

    Attributes
    ----------
    low, high : float
        Ends of the slider; a method may accept more and checks for itself.
    default : float
    step : float
        Of the slider, and of the audited grid.
    help : str
        One line for tooltips.
    live : bool
        Whether the page Live has a slider for it; what takes minutes stays at its default there.
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

    def parse(self, value: Any) -> float:
        """Return a number, an int when low, step and default are; ValueError for anything else."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"needs a number, got {value!r}") from None
        if not math.isfinite(number):
            raise ValueError(f"needs a finite number, got {value!r}")
        whole = all(isinstance(bound, int) for bound in (self.low, self.step, self.default))
        if whole and number != int(number):
            raise ValueError(f"needs a whole number, got {value!r}")
        return int(number) if whole else number

    def grid(self) -> list[float]:
        """Every step of the slider; both ends and the default are included, also where the steps miss them."""
        count = math.floor((self.high - self.low) / self.step + 1e-9)
        steps = {round(self.low + i * self.step, 10) for i in range(count + 1)}
        return sorted({self.parse(value) for value in (*steps, self.high, self.default)})


@dataclass(frozen=True)
class Choice:
    """One of a few words.

    Attributes
    ----------
    options : tuple of str
    default : str
    free : bool
        Whether other words are allowed too, e.g. a pattern of layer names.
    start : str, optional
        What a page shows first, where that is another word than the default.
    """

    options: tuple[str, ...]
    default: str
    help: str = ""
    free: bool = False
    start: str | None = None

    def parse(self, value: Any) -> Any:
        """Return the word; ValueError for one that is not among the options."""
        if self.free or value in self.options:
            return value
        raise ValueError(f"must be one of {', '.join(self.options)}, got {value!r}")


@dataclass(frozen=True)
class Method:
    """A way to compress a network.

    Attributes
    ----------
    name, title, paper : str
    apply : callable
        ``apply(model, *, data=None, seed=0, progress=None, **params) -> nn.Module``; the input stays untouched, the output takes
        the same inputs and gives the same shape.
    params : dict of str to Param or Choice
    needs : {"nothing", "calibration", "training"}
        What `data` must be given for: nothing, a few inputs, or a whole data set to learn from.
    live : bool
        Fast enough to answer a slider.
    version : int
        Raised when results change; part of every run's id.
    """

    name: str
    title: str
    paper: str
    apply: Callable[..., nn.Module]
    params: dict[str, Param | Choice] = field(default_factory=dict)
    needs: Literal["nothing", "calibration", "training"] = "nothing"
    live: bool = True
    version: int = 1

    @property
    def sliders(self) -> dict[str, Param]:
        """The numbers that the page Live has a slider for; over the first one runs the audited grid."""
        return {name: param for name, param in self.params.items() if isinstance(param, Param) and param.live}

    def settings(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return every parameter's value: what is given, checked, and defaults for the rest.

        Raises
        ------
        ValueError
            For an unknown parameter or a value of the wrong kind.
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
        return chosen

    def __call__(
        self, model: nn.Module, *, data: Any = None, seed: int = 0, progress: Progress | None = None, **given: Any
    ) -> nn.Module:
        """Compress `model`: check parameters and data, apply, and return the new model in eval mode."""
        settings = self.settings(given)
        if self.needs != "nothing" and data is None:
            what = "a few inputs (data=…)" if self.needs == "calibration" else "a data set to learn from (data=…)"
            raise ValueError(f"{self.name} needs {what}, got none")
        small = self.apply(model, data=data, seed=seed, progress=progress, **settings)
        if not isinstance(small, nn.Module):
            raise TypeError(f"the apply function of {self.name} must return an nn.Module, got {type(small).__name__}")
        return small.eval()


# of methods that keep a share of the weights of the layers they touch
BUDGET_PARAMS: dict[str, Param | Choice] = {
    "budget": Param(0.05, 1.0, default=0.25, step=0.05, help="share of the touched layers' weights that remains"),
    "layers": Choice(("all", "inner", "mlp"), "all", help="which layers, or a pattern of their names", free=True, start="inner"),
    "unit": Choice(("parameters", "bytes"), "parameters", help="what the budget counts"),
}

METHODS: dict[str, Method] = {}


def register(method: Method) -> Method:
    """Make `method` known to the command line, the sweep grid and every page; registering the same name again replaces it.

    Raises
    ------
    TypeError
        When it is no Method.
    ValueError
        When its name is no identifier.
    """
    if not isinstance(method, Method):
        raise TypeError(f"register takes a labkit.compress.Method, got {type(method).__name__}")
    if not method.name.isidentifier():
        raise ValueError(f"a method's name must be a Python identifier, got {method.name!r}")
    METHODS[method.name] = method
    return method


def get_method(name: str) -> Method:
    """Return a registered method; ValueError with the nearest names for an unknown one."""
    if name not in METHODS:
        raise unknown_name("method", name, METHODS, "a method of your own needs --plugin FILE")
    return METHODS[name]
