"""Topologies of sparse training: their names in words, and a look that each keeps whichever others are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labkit.figures.shades import SYMBOLS, shades
from labkit.figures.template import Theme, template

TITLES = {
    "srigl": "SRigL",
    "rigl": "RigL",
    "srigl_no_ablation": "SRigL, no ablation",
    "set": "SET",
    "static": "static",
    "gmp": "GMP",
    "n_of_m": "n of m",
    "dense": "dense",
}
DASHES = ("dash", "dot", "dashdot", "longdash")


@dataclass(frozen=True)
class Look:
    """How the line of a topology is drawn."""

    colour: str
    symbol: str
    dash: str
    width: float


def topology_title(topology: str) -> str:
    """Return a topology in words; what follows a comma, as in "srigl, gamma_sal=0.6", stays.

    Examples
    --------
    >>> topology_title("rigl"), topology_title("srigl, gamma_sal=0.6"), topology_title("mine")
    ('RigL', 'SRigL, gamma_sal=0.6', 'mine')
    """
    name, comma, rest = topology.partition(",")
    return TITLES.get(name, name) + comma + rest


def in_order(topologies: Iterable[str]) -> list[str]:
    """Return each topology once, those with a name of their own first, dense last."""
    places = {name: place for place, name in enumerate(TITLES)}
    return sorted(
        set(topologies), key=lambda name: (name == "dense", places.get(name.partition(",")[0], len(places)), name.count(","), name)
    )


def looks(topologies: Iterable[str], theme: Theme) -> dict[str, Look]:
    """Return the look of each; variants such as "srigl, gamma_sal=0.6" have the colour of theirs, and a dash."""
    known, palette = list(TITLES), template(theme).layout.colorway
    found, variants = {}, 0
    for name in in_order(topologies):
        base, comma, _ = name.partition(",")
        place = known.index(base) if base in known else len(known)
        if base == "dense":
            found[name] = Look(shades(theme).ink, "circle", "dot", 1.5)
            continue
        variants += bool(comma)
        dash = DASHES[(variants - 1) % len(DASHES)] if comma else "solid"
        found[name] = Look(palette[place % len(palette)], SYMBOLS[place % len(SYMBOLS)], dash, 3 if name == "srigl" else 1.5)
    return found
