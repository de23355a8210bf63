"""What went wrong in a job of a sweep, or in a method or network of the user's own, in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from labkit.messages import said

if TYPE_CHECKING:
    from labkit.runs.grid_jobs import Job
    from labkit.runs.run import Run


class SweepFailed(ValueError):
    """Some jobs of a sweep failed; the others were made.

    Parameters
    ----------
    made : list of Run
        In the order of the grid.
    failures : list of (Job, str)
        With the reason of each.
    """

    def __init__(self, made: list[Run], failures: list[tuple[Job, str]]) -> None:
        self.made, self.failures, self.total = made, failures, len(made) + len(failures)
        reasons = "; ".join(reason for _, reason in failures)
        super().__init__(f"{len(failures)} of {self.total} runs failed, the others are stored: {reasons}")


@contextmanager
def in_words(what: str, example: str = "") -> Iterator[None]:
    """Turn whatever foreign code raises inside into a ValueError of one sentence; labkit's own sentences pass.

    Parameters
    ----------
    what : str
        What was tried, e.g. "condense of timm:resnet18".
    example : str
        Kind and shape of the examples.

    Yields
    ------
    None

    Raises
    ------
    ValueError

    Examples
    --------
    >>> with in_words("shrink of mine", "float32 [1, 3]"):
    ...     raise IndexError("index 5 is out of range\\nmore")
    Traceback (most recent call last):
    ValueError: shrink of mine failed on float32 [1, 3]: IndexError: index 5 is out of range
    """
    try:
        yield
    except (ValueError, TypeError, OSError):
        raise
    except (Exception, SystemExit) as error:  # methods, networks and plugins of users raise errors of any type
        where = f" on {example}" if example else ""
        raise ValueError(f"{what} failed{where}: {said(error)}") from error
