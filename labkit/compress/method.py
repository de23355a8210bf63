"""`Method`: a compression method, as the command line, the sweep grid and the pages see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from torch import nn

from labkit.registry import Choice, Entry, Param, Parameter, Registry
from labkit.seeds import checked_seed
from labkit.untouched import restored

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[float, str], None]
Needs = Literal["nothing", "optional", "calibration", "training"]

# Added to the parameters of every method with needs="optional". At its default it is left out of the settings: they are part of the
# ids of stored runs and of the keys of grids, which were made before the parameter existed and must not change.
CALIBRATION = Choice(
    ("none", "data"),
    "none",
    help="whether the training data serve as calibration inputs",
    omit_default=True,
    titles={"none": "from the weights alone", "data": "with training data"},
)


@dataclass(frozen=True)
class Method(Entry):
    """A compression method.

    Parameters
    ----------
    name, title, paper : str
    apply : callable
        ``apply(model, *, data=None, seed=0, progress=None, **params) -> nn.Module``; the input stays untouched, the output takes
        the same inputs and gives the same shape.
    params : dict of str to Param, Choice, Names or Optional
    needs : {"nothing", "optional", "calibration", "training"}
        What `data` must be given for: nothing; calibration inputs where they are asked for; always calibration inputs; a data set
        to train on. With "optional" the method gains the parameter ``calibration``, "none" or "data": with "none", the default,
        ``apply`` gets ``data=None``. ``apply`` does not receive the parameter itself.
    live : bool
        Fast enough to answer a slider.
    version : int
        Increased when results change; part of every run's id.
    diagnose : callable, optional
        ``diagnose(small) -> dict of str to DataFrame``: what there is to say about a compressed network, shown on the page Live. A
        table that does not apply to the network is left out.
    tables : mapping of str to str
        Names of the tables that `diagnose` returns, and the function of `labkit.figures` that draws each; "" for a plain table.
    speed : str
        What is known about the time that a compressed network takes, in a few words; the audit measures it.
    help : str
        What the method does to a network, in one or two sentences for a reader who does not know it.

    Raises
    ------
    ValueError
        When `needs` is not among the four, or `tables` names tables without a `diagnose`.
    """

    name: str
    title: str
    paper: str
    apply: Callable[..., nn.Module]
    params: dict[str, Parameter] = field(default_factory=dict)
    needs: Needs = "nothing"
    live: bool = True
    version: int = 1
    diagnose: Callable[[nn.Module], Mapping[str, pd.DataFrame]] | None = field(default=None, kw_only=True)
    tables: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    speed: str = field(default="", kw_only=True)
    help: str = field(default="", kw_only=True)
    kind = "method"

    def __post_init__(self) -> None:
        if self.needs not in ("nothing", "optional", "calibration", "training"):
            raise ValueError(f"needs must be nothing, optional, calibration or training, got {self.needs!r}")
        if self.tables and self.diagnose is None:
            raise ValueError(f"tables of {self.name} name {', '.join(self.tables)}, but it has no diagnose= that returns them")
        if self.needs == "optional":
            object.__setattr__(self, "params", {**self.params, "calibration": CALIBRATION})

    @property
    def sliders(self) -> dict[str, Param]:
        """The numeric parameters that the page Live has a slider for; the audited grid runs over the first one."""
        return {name: param for name, param in self.params.items() if isinstance(param, Param) and param.live}

    def takes_data(self, settings: Mapping[str, Any]) -> bool:
        """Whether data must be given at these settings.

        Parameters
        ----------
        settings : mapping
            As `settings` returns them.

        Returns
        -------
        bool
        """
        return self.needs in ("calibration", "training") or (self.needs == "optional" and settings.get("calibration") == "data")

    def tables_of(self, small: nn.Module) -> dict[str, pd.DataFrame]:
        """Return what `diagnose` says about a compressed network.

        Parameters
        ----------
        small : nn.Module

        Returns
        -------
        dict of str to DataFrame
            Without the empty ones; empty for a method without `diagnose`.
        """
        found = {} if self.diagnose is None else self.diagnose(small)
        return {name: table for name, table in found.items() if len(table)}

    def __call__(
        self, model: nn.Module, *, data: Any = None, seed: int = 0, progress: Progress | None = None, **given: Any
    ) -> nn.Module:
        """Compress a network.

        Parameters
        ----------
        model : nn.Module
            Stays untouched.
        data : Tensor, dict of Tensors, Split or Dataset, optional
            Calibration inputs, or what is trained on; ignored unless `takes_data`.
        seed : int
        progress : callable (share, sentence), optional
        **given
            Parameters of the method.

        Returns
        -------
        nn.Module
            In eval mode.

        Raises
        ------
        ValueError
            For bad parameters, without the data it needs, or a network without values (device meta).
        TypeError
            When the method's ``apply`` returns something else than a module.
        """
        settings, seed = self.settings(given), checked_seed(seed)
        needed = self.takes_data(settings)
        if needed and data is None:
            what = "a data set to learn from (data=…)" if self.needs == "training" else "calibration inputs (data=…)"
            which = f"{self.name} with calibration=data" if self.needs == "optional" else self.name
            raise ValueError(f"{which} needs {what}, got none")
        if any(parameter.is_meta for parameter in model.parameters()):
            raise ValueError(f"{self.name} needs weights, and this network is on the device meta, without values; load them first")
        if self.needs == "optional":
            settings.pop("calibration", None)
            data = data if needed else None
        with restored(model):
            small = self.apply(model, data=data, seed=seed, progress=progress, **settings)
        if not isinstance(small, nn.Module):
            raise TypeError(f"the apply function of {self.name} must return an nn.Module, got {type(small).__name__}")
        return small.eval()


LAYERS = Choice(
    ("all", "inner", "mlp"),
    "all",
    help="which layers, or a pattern of their names",
    free=True,
    titles={"all": "all layers", "inner": "all but first and last layers", "mlp": "feed-forward blocks"},
)
BUDGET_KIND = Choice(
    ("parameters", "bytes"), "parameters", help="what the budget counts", titles={"parameters": "number of weights"}
)

# of methods that keep a share of the weights of the layers they touch
BUDGET_PARAMS: dict[str, Parameter] = {
    "budget": Param(0.05, 1.0, default=0.25, step=0.05, help="fraction of the weights of the affected layers that remains"),
    "layers": LAYERS,
    "unit": BUDGET_KIND,
}

METHODS: Registry[Method] = Registry(Method, "labkit.compress", "a method of your own needs --plugin FILE")
register, get_method = METHODS.register, METHODS.find
