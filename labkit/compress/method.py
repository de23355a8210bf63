"""`Method`: a compression method, as the command line, the sweep grid and the pages see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from labkit.registry import Choice, Entry, Param, Parameter, Registry

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Method(Entry):
    """A compression method.

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
    params: dict[str, Parameter] = field(default_factory=dict)
    needs: Literal["nothing", "calibration", "training"] = "nothing"
    live: bool = True
    version: int = 1
    kind = "method"

    @property
    def sliders(self) -> dict[str, Param]:
        """The numbers that the page Live has a slider for; over the first one runs the audited grid."""
        return {name: param for name, param in self.params.items() if isinstance(param, Param) and param.live}

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
BUDGET_PARAMS: dict[str, Parameter] = {
    "budget": Param(0.05, 1.0, default=0.25, step=0.05, help="share of the touched layers' weights that remains"),
    "layers": Choice(("all", "inner", "mlp"), "all", help="which layers, or a pattern of their names", free=True, start="inner"),
    "unit": Choice(("parameters", "bytes"), "parameters", help="what the budget counts"),
}

METHODS: Registry[Method] = Registry(Method, "labkit.compress", "a method of your own needs --plugin FILE")
register, get_method = METHODS.register, METHODS.find
