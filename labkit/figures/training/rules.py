"""Rules of sparse training: their titles, their order, and line styles that do not depend on what else is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labkit.figures.base.shades import SYMBOLS, shades
from labkit.figures.base.template import Theme, template

# names as the papers spell them; a rule from elsewhere brings its own title, or is drawn by its name
PUBLISHED: Mapping[str, str] = {
    "srigl": "SRigL",
    "rigl": "RigL",
    "srigl_no_ablation": "SRigL, no ablation",
    "set": "SET",
    "static": "static",
    "gmp": "GMP",
    "n_of_m": "n of m",
}
DENSE = "dense"
DASHES = ("dash", "dot", "dashdot", "longdash")


@dataclass(frozen=True)
class Look:
    """How the line of a rule is drawn.

    Parameters
    ----------
    colour : str
    symbol : str
        Plotly marker symbol.
    dash : str
    width : float
        In pixels.
    """

    colour: str
    symbol: str
    dash: str
    width: float


def rule_title(rule: str, titles: Mapping[str, str] | None = None) -> str:
    """Return the title of a rule; a setting after a comma, as in "rigl, fraction=0.5", is kept.

    Parameters
    ----------
    rule : str
        Name of a rule, optionally followed by a comma and settings.
    titles : mapping of str to str, optional
        Name -> title, e.g. from the registry of rules. Names it lacks have the title of the published rule, or are their own title.

    Returns
    -------
    str

    Examples
    --------
    >>> rule_title("rigl"), rule_title("srigl, fraction=0.5"), rule_title("mine"), rule_title("mine", {"mine": "Mine"})
    ('RigL', 'SRigL, fraction=0.5', 'mine', 'Mine')
    """
    name, comma, rest = rule.partition(",")
    return {**PUBLISHED, **(titles or {})}.get(name, name) + comma + rest


def in_order(rules: Iterable[str], titles: Mapping[str, str] | None = None) -> list[str]:
    """Return each rule once: those of `titles` first, then published ones, then others by name, "dense" last.

    Parameters
    ----------
    rules : iterable of str
        Names, also with settings after a comma; these follow the name without.
    titles : mapping of str to str, optional
        Its order counts.

    Returns
    -------
    list of str

    Examples
    --------
    >>> in_order(["dense", "mine", "rigl", "srigl, fraction=0.5", "srigl"])
    ['srigl', 'srigl, fraction=0.5', 'rigl', 'mine', 'dense']
    """
    places = {name: place for place, name in enumerate(_known(titles))}

    def place(rule: str) -> tuple:
        name = rule.partition(",")[0]
        return (name == DENSE, places.get(name, len(places)), name, rule.count(","), rule)

    return sorted(set(rules), key=place)


def looks(rules: Iterable[str], theme: Theme, titles: Mapping[str, str] | None = None) -> dict[str, Look]:
    """Return the line style of each rule; variants with settings have the colour of their rule and a dash of their own.

    Parameters
    ----------
    rules : iterable of str
    theme : {"light", "dark"}
    titles : mapping of str to str, optional
        As for `in_order`. The first rule of it (or of the published ones) has a thicker line.

    Returns
    -------
    dict of str to Look
        In the order of `in_order`.
    """
    rules = list(rules)
    known, palette = _known(titles), template(theme).layout.colorway
    # rules without a place take the free ones in the order of their names
    known += sorted({rule.partition(",")[0] for rule in rules} - {*known, DENSE})
    found, variants = {}, 0
    for rule in in_order(rules, titles):
        base, comma, _ = rule.partition(",")
        if base == DENSE:
            found[rule] = Look(shades(theme).ink, "circle", "dot", 1.5)
            continue
        variants += bool(comma)
        dash = DASHES[(variants - 1) % len(DASHES)] if comma else "solid"
        place = known.index(base)
        width = 3 if rule == known[0] else 1.5
        found[rule] = Look(palette[place % len(palette)], SYMBOLS[place % len(SYMBOLS)], dash, width)
    return found


def _known(titles: Mapping[str, str] | None) -> list[str]:
    return [name for name in dict.fromkeys([*(titles or {}), *PUBLISHED]) if name != DENSE]
