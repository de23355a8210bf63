"""Progress of the training loop: a live bar on a terminal, one line every 30 seconds in a log file."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 30.0


class TrainingProgress:
    """Progress bar with steps, loss, last message, elapsed and remaining time; a context manager."""

    def __init__(self, title: str, steps: int, completed: int, *, shown: bool = True) -> None:
        self.title, self.steps, self.completed, self.first = title, steps, completed, completed
        self.message, self.loss = "", float("nan")
        self._console = Console(stderr=True)
        self._live = shown and self._console.is_terminal
        self._lines = shown and not self._live
        self._began = self._last_line = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),  # a title and a message are no markup
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4f} {task.fields[message]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._live,
        )
        self._task = self._bar.add_task(title, total=steps, completed=completed, loss=0.0, message="")

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()
        if self._lines and kind is None:
            self._print_line()

    def update(self, completed: int, loss: float, message: str) -> None:
        """Show the number of completed steps, the loss and a message."""
        self.completed, self.loss, self.message = completed, loss, message
        self._bar.update(self._task, completed=completed, loss=loss, message=message)
        if self._lines and time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._print_line()

    def _print_line(self) -> None:
        self._last_line = now = time.monotonic()
        elapsed = now - self._began
        left = elapsed / max(1, self.completed - self.first) * (self.steps - self.completed)
        self._console.print(
            f"{self.title}: step {self.completed}/{self.steps} loss {self.loss:.4f} {self.message} "
            f"[{elapsed / 60:.1f} min, {left / 60:.1f} left]",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
