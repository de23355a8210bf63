"""`Loader`: what is to be known of a reader of foreign input to try it with mutated inputs."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# writes an input into the folder and returns the call that reads it; only the call is judged
Case = Callable[[Path, Path, random.Random], Callable[[], object]]


@dataclass(frozen=True)
class Loader:
    """A reader of foreign input.

    Parameters
    ----------
    name : str
    prepare : callable (folder)
        Write the sound inputs that are mutated; called once, in a worker.
    case : callable (sound, folder, rng) -> callable ()
        Write one mutated input into an empty folder; the result reads it.
    warm : callable ()
        Called once in the process that all workers are copies of.
    """

    name: str
    prepare: Callable[[Path], None]
    case: Case
    warm: Callable[[], object] = lambda: None


def nothing(folder: Path) -> None:
    """Prepare nothing."""
