"""`Rule`: a sparse-training rule as the command line, the pages and the tables see it, and `RULES`, their registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from labkit.messages import unknown_name
from labkit.registry import Choice, Entry, Names, Optional, Param, Parameter, Registry
from labkit.sparsify.update_rule import UpdateRule
from labkit.words import shortly

DENSE = "dense"  # in place of a rule: the same training without zeros

# the parameters of every rule; `Rule.leaves_out` names those that have no meaning for a rule
COMMON_PARAMS: dict[str, Parameter] = {
    "sparsity": Param(0.5, 0.99, default=0.9, help="fraction of the weights of the sparse layers that are zero"),
    "update_every": Optional(
        Param(1, 1000, default=100, step=1, help="steps between two updates of the connections; unset: 30 updates in a training")
    ),
    "until": Param(0.05, 1.0, default=0.75, step=0.05, help="fraction of the training after which connections stay as they are"),
    "fraction": Param(0.05, 0.95, default=0.3, step=0.05, help="fraction of the connections replaced at the first update"),
    "distribution": Choice(("erk", "erdos_renyi", "uniform"), "erk", help="how the sparsity is distributed over the layers"),
    "exclude": Names(help="patterns of layers that stay dense and do not count towards the sparsity"),
    "dense": Names(help="patterns of layers that stay dense and count; the others become sparser"),
    "no_ablation": Names(help="patterns of layers whose neurons always keep connections"),
    "fan_in": Optional(Param(1, 4096, default=32, step=1, help="connections of every neuron, instead of by the sparsity")),
}


@dataclass(frozen=True)
class Rule(Entry):
    """A rule of sparse training: how connections change while a network learns.

    Attributes
    ----------
    name, title, paper : str
    make : callable
        ``make(**own) -> UpdateRule``, called with the rule's `own` parameters.
    params : dict of str to Param, Choice, Names or Optional
        Given with the parameters that only this rule has; `COMMON_PARAMS` are added. An entry of the same name as a common one
        replaces it, e.g. for another default.
    leaves_out : tuple of str
        Common parameters that this rule does not take.
    implied_sparsity : callable, optional
        ``implied_sparsity(**own) -> float``, for a rule that leaves "sparsity" out.
    watch : str
        One sentence: what to see in the animation of a mask.
    version : int
        Raised when results change; part of every run's id.

    Raises
    ------
    ValueError
        When `leaves_out` names no common parameter, or leaves out the sparsity without implying one.

    Examples
    --------
    >>> get_rule("srigl").headline
    ('sparsity', 'gamma_sal')
    """

    name: str
    title: str
    make: Callable[..., UpdateRule]
    paper: str = ""
    params: dict[str, Parameter] = field(default_factory=dict)
    leaves_out: tuple[str, ...] = ()
    implied_sparsity: Callable[..., float] | None = None
    watch: str = ""
    version: int = 1
    kind = "rule"

    def __post_init__(self) -> None:
        for name in self.leaves_out:
            if name not in COMMON_PARAMS:
                known = ", ".join(COMMON_PARAMS)
                raise ValueError(f"rule {self.name} leaves out {shortly(name)}, which is no common parameter: {known}")
        if "sparsity" in self.leaves_out and self.implied_sparsity is None:
            raise ValueError(f"rule {self.name} leaves out the sparsity; say what it is with implied_sparsity=")
        common = {name: param for name, param in COMMON_PARAMS.items() if name not in self.leaves_out}
        own = {name: param for name, param in self.params.items() if name not in COMMON_PARAMS}
        replaced = {name: param for name, param in self.params.items() if name in common}
        object.__setattr__(self, "params", {**common, **replaced, **own})

    @property
    def own(self) -> dict[str, Parameter]:
        """The parameters that only this rule has."""
        return {name: param for name, param in self.params.items() if name not in COMMON_PARAMS}

    @property
    def headline(self) -> tuple[str, ...]:
        """Names of the parameters that tell its runs apart in a label: the sparsity, where it takes one, and its own."""
        return (*(name for name in ("sparsity",) if name in self.params), *self.own)

    def settings(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the value of every parameter, as `labkit.registry.Entry.settings`.

        Parameters
        ----------
        given : dict
            Values as numbers or text; `fan_in` may also be a mapping of layer patterns to numbers.

        Returns
        -------
        dict

        Raises
        ------
        ValueError
            For an unknown parameter, or a value of the wrong type.
        """
        by_layer = {"fan_in"} & self.params.keys() if isinstance(given.get("fan_in"), Mapping) else frozenset[str]()
        chosen = super().settings({name: value for name, value in given.items() if name not in by_layer})
        return chosen | {name: given[name] for name in by_layer}

    def sparsity(self, given: dict[str, Any]) -> float:
        """Return the sparsity of a training.

        Parameters
        ----------
        given : dict
            Values of some parameters; the others take their defaults.

        Returns
        -------
        float
            Fraction of zeros in the sparse layers.

        Raises
        ------
        ValueError
            As `settings`.
        """
        chosen = self.settings(given)
        if self.implied_sparsity is None or "sparsity" in self.params:
            return float(chosen["sparsity"])
        return float(self.implied_sparsity(**{name: chosen[name] for name in self.own}))

    def typed(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the given parameters in their types, without the defaults of the others.

        Parameters
        ----------
        given : dict
            As `settings`.

        Returns
        -------
        dict
            A value that equals its typed form stays as it was given, as in the ids of stored runs.

        Raises
        ------
        ValueError
            As `settings`.
        """
        chosen = self.settings(given)
        return {name: value if chosen[name] == value else chosen[name] for name, value in given.items()}


RULES: Registry[Rule] = Registry(Rule, "labkit.sparsify", "a rule of your own needs --plugin FILE")
RULES.aliases["set_evolution"] = "set"
register_rule, get_rule = RULES.register, RULES.find


def rule_or_dense(name: str) -> Rule | None:
    """Return a rule by its name, or None for "dense".

    Parameters
    ----------
    name : str

    Returns
    -------
    Rule or None

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if name == DENSE:
        return None
    if name not in RULES and name not in RULES.aliases:
        raise unknown_name("rule", name, (DENSE, *RULES), RULES.remedy)
    return get_rule(name)
