"""Output of commands: tables for people, JSON for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd
    from rich.progress import Progress

    from labkit.registry import Entry

as_json = click.option("--json", "json_output", is_flag=True, help="Print JSON instead of a table.")
MANY = 500  # rows; rich lays out a long table slowly
GAP = 2  # characters between columns
HEADER = re.compile(r"(?<=[_ ])")  # where the name of a column may be broken
SHORT = 14  # characters; what is not longer is not wrapped
# what a terminal obeys instead of showing it (control characters, directions of writing), and bytes of a name that are no text
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Show what a terminal would obey as an escape; names of classes, groups, columns and files come from outside.

    Parameters
    ----------
    text : str
        One line.

    Returns
    -------
    str

    Examples
    --------
    >>> visible("caf\\udce9 \\x1b[31m")
    'caf\\\\udce9 \\\\x1b[31m'
    """
    return UNSEEN.sub(lambda match: repr(match.group())[1:-1], text)


def say(text: str, *, err: bool = False) -> None:
    """Print lines.

    Parameters
    ----------
    text : str
    err : bool
        To stderr.
    """
    click.echo("\n".join(map(visible, text.split("\n"))), err=err)


def print_json(value: object) -> None:
    """Print a value as indented JSON.

    Parameters
    ----------
    value : object
    """
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    click.echo(json.dumps(value, indent=2, ensure_ascii=not encoding.startswith("utf")))


def progress_bar() -> tuple[Progress, Callable[[int, int, str], None]]:
    """Make a bar on stderr, shown on a terminal only.

    Returns
    -------
    bar : rich.progress.Progress
        A context manager.
    report : callable (done, total, sentence)
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    words = TextColumn("{task.description}", markup=False)  # sentences name what comes from outside
    bar = Progress(
        BarColumn(), MofNCompleteColumn(), words, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )
    task = bar.add_task("starting", total=None)

    def report(done: int, total: int, sentence: str) -> None:
        bar.update(task, completed=done, total=total, description=visible(sentence))

    return bar, report


def print_table(frame: pd.DataFrame, title: str = "", keep: int = 1) -> None:
    """Print a table with its index, numbers to the right.

    Where the terminal is too narrow for all columns, those that no longer fit are left out, and a line below names them. No cell
    is cut: words wrap.

    Parameters
    ----------
    frame : DataFrame
        Fractions are formatted by the caller. Columns in the order of their importance.
    title : str
    keep : int
        Number of first columns, besides the index, that are always printed: what tells the rows apart.
    """
    import pandas as pd  # imported here: --help must not wait for it
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    index = [name for name in frame.index.names if name] if any(frame.index.names) else []
    plain = frame.reset_index() if any(frame.index.names) else frame
    if len(plain) > MANY:
        _print_plain(plain, title)
        return
    console = Console(markup=False, emoji=False)  # "dpd[sex]" is a name, not markup
    cells = {visible(str(name)): [_cell(value) for value in column] for name, column in plain.items()}
    widths = _widths(cells, console.width, len(index) + keep)
    table = Table(
        title=visible(title) or None,
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for place, (name, width) in enumerate(widths.items()):
        numeric = pd.api.types.is_numeric_dtype(plain.iloc[:, list(cells).index(name)]) or (place and _figures(cells[name]))
        table.add_column(_header(name, width), justify="right" if numeric else "left", width=width, overflow="fold")
    for row in zip(*(cells[name] for name in widths), strict=True):
        table.add_row(*row)
    console.print(table)
    left_out = ", ".join(name for name in cells if name not in widths)
    if left_out:
        console.print(
            f"Left out at {console.width} characters: {left_out}; a wider terminal shows them, and --json.", highlight=False
        )


def _widths(cells: dict[str, list[str]], width: int, always: int) -> dict[str, int]:
    """Return the columns that fit beside each other with their widths, from the left."""
    room = width + GAP  # the last column has no gap
    shown: dict[str, int] = {}
    for place, (name, column) in enumerate(cells.items()):
        least = max([*(_least(text, SHORT) for text in column), *map(len, re.split(HEADER, name))])
        if place == 0:  # names are typed into the next command
            least = max(map(len, (name, *column)))
        if place >= max(always, 1) and least + GAP > room:
            continue
        room -= least + GAP
        shown[name] = least
    for name in shown:  # what is left goes to those that would wrap, from the left
        more = max(0, min(max(map(len, (name, *cells[name]))) - shown[name], room))
        shown[name] += more
        room -= more
    return shown


def _header(name: str, width: int) -> str:
    """Break a name at its spaces and underscores into lines of a width."""
    lines = [""]
    for part in re.split(HEADER, name):
        if lines[-1] and len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def _least(text: str, whole: int) -> int:
    """Return the width to which a text may be wrapped: its longest word, and up to `whole` all of it."""
    return len(text) if len(text) <= whole else max(whole, *(len(word) for word in text.split()), 0)


def _figures(column: list[str]) -> bool:
    """Whether texts are figures, e.g. "−0.20 pp"."""
    return all(text[0] in "+-−–0123456789" for text in column if text) and any(column)


def print_entries(
    registry: Mapping[str, Entry], rows: list[dict[str, Any]], json_output: bool, title: str = "", hidden: tuple[str, ...] = ()
) -> None:
    """Print the entries of a registry, one row each, with their parameters.

    Parameters
    ----------
    registry : mapping of str to Entry
    rows : list of dict
        What the table says of each entry, in the registry's order.
    json_output : bool
    title : str
    hidden : tuple of str
        What only JSON says.
    """
    import pandas as pd

    for row, entry in zip(rows, registry.values(), strict=True):
        row["parameters (default)"] = "; ".join(f"{name} {param.domain} ({param.default})" for name, param in entry.params.items())
    if json_output:
        print_json(rows)
    else:
        frame = pd.DataFrame(rows).drop(columns=list(hidden))
        print_table(frame.loc[:, (frame != "").any()], title)


def _print_plain(frame: pd.DataFrame, title: str) -> None:
    """Print aligned text, for tables that rich lays out slowly."""
    rows = [
        [visible(str(name)) for name in frame.columns],
        *([_cell(value) for value in row] for row in frame.itertuples(index=False)),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    say("\n".join([title, *lines] if title else lines))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else visible(str(value))
