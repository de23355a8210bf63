"""Ctrl-C and SIGTERM during a training: noted, and obeyed at the end of the step, when there is something to go on from."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Note the signals that end a training; a context manager. The second one ends it at once.

    Parameters
    ----------
    active : bool
        Whether to note them at all. Only the main thread can; a signal that is ignored stays ignored.

    Attributes
    ----------
    signal : int or None
        The one that came.
    """

    def __init__(self, active: bool) -> None:
        self.active = active and threading.current_thread() is threading.main_thread()
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        for number in SIGNALS if self.active else ():
            handler = signal.getsignal(number)
            if handler not in (signal.SIG_IGN, None):
                self._before[number] = handler
                signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = number
            return
        self.__exit__()
        signal.raise_signal(number)

    def obey(self, sentence: str) -> None:
        """Do what the signal would have done, if one came.

        Parameters
        ----------
        sentence : str
            What was saved; said with the interruption.

        Raises
        ------
        KeyboardInterrupt
            Or what the handler raises that was there before. Where there was none for SIGTERM, the process ends by it.
        """
        if self.signal is None:
            return
        silent = self._before.get(self.signal) is signal.SIG_DFL
        self.__exit__()
        if silent:
            sys.stderr.write(f"{sentence}\n")
            sys.stderr.flush()
        try:
            signal.raise_signal(self.signal)
        except KeyboardInterrupt as stop:
            stop.args = (sentence,)
            raise
        raise KeyboardInterrupt(sentence)
