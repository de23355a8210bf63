"""Names from outside in texts that Streamlit reads as Markdown: files, classes, groups, runs and addresses may have any name."""

import re

INVISIBLE = "\u200b"  # of no width; breaks what is replaced after the mark-up was read, where a backslash does not help

_MARKS = re.compile(r"[\\`*\[\]$#<>~|&!]|(?<![^\W_])_|_(?![^\W_])")  # an underscore within a word is no mark-up
_BEGINNINGS = re.compile(r"^([-+=:]|\d+(?=[.)]))")  # of lists, headings and quotations
# the middle of an address, of www.name, of name@place, :icon: and of a dash or an arrow
_REPLACED = re.compile(r"(?i)(?<=:)(?=//)|(?<=www)(?=\.)|(?<=\w)(?=@\w)|(?<=:)(?=[\w+-]+(?:/[\w+-]+)?:)|(?<=\s-)(?=[->]\s)")


def plain(text: object) -> str:
    """Return a text in Markdown that is shown as it is, in one line: no picture, link, formula, icon or colour comes of it.

    Examples
    --------
    >>> plain("vit_fashion, layers=blocks.*")
    'vit_fashion, layers=blocks.\\\\*'
    """
    line = _REPLACED.sub(INVISIBLE, " ".join(str(text).split()))
    return _BEGINNINGS.sub(lambda found: INVISIBLE + found[1], _MARKS.sub(r"\\\g<0>", line))


def code(text: object) -> str:
    """Return a text as code in Markdown, whatever quotes it has.

    Examples
    --------
    >>> code("make train")
    '`make train`'
    """
    line = " ".join(str(text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{space}{line}{space}{fence}"
