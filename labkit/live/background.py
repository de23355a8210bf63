"""`Latest`: one job at a time in a background thread; a newer job cancels the older, whose answers are discarded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Any

Make = Callable[[threading.Event], Iterator[Any]]


class Latest:
    """Run an iterator of answers in a background thread, always that of the newest question.

    Thread-safe. Answers to a question that was cancelled or superseded are never returned.

    Examples
    --------
    >>> latest = Latest()
    >>> latest.ask("squares", lambda cancel: (n * n for n in range(4)))
    True
    >>> latest.wait(5)
    True
    >>> latest.answer, latest.finished
    (9, True)
    """

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._cancel = threading.Event()
        self._cancel.set()  # nothing runs yet, so any question is a new one
        self.question: Hashable = None
        self.answer: Any = None
        self.finished = True
        self._error: Exception | None = None
        self._seen = self.count = 0

    def ask(self, question: Hashable, make: Make) -> bool:
        """Start ``make(cancel)`` in the background, unless `question` is the one asked last.

        Parameters
        ----------
        question : hashable
            Identifies the question, e.g. (method, settings).
        make : callable (threading.Event) -> iterator
            The event is set when the answers are no longer needed.

        Returns
        -------
        bool
            Whether it was started.
        """
        with self._news:
            if question == self.question and not self._cancel.is_set():
                return False
            self._cancel.set()
            self._cancel = cancel = threading.Event()
            self.question, self.answer, self.finished, self._error = question, None, False, None
            self._seen = self.count = 0
        threading.Thread(target=self._work, args=(make, cancel), daemon=True, name="labkit-live").start()
        return True

    def cancel(self) -> None:
        """Stop the running job and discard its answers; asking the same question again restarts it."""
        with self._news:
            self._cancel.set()
            self.answer, self.finished, self._error = None, True, None
            self._seen = self.count  # earlier answers no longer count as new
            self._news.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until the question is finished.

        Parameters
        ----------
        seconds : float
            At most.

        Returns
        -------
        bool
            Whether it is finished.
        """
        with self._news:
            return self._news.wait_for(lambda: self.finished, seconds)

    def has_news(self, seconds: float = 0.0) -> bool:
        """Wait for an answer, an error or the end that `newest` has not returned yet.

        Parameters
        ----------
        seconds : float
            At most.

        Returns
        -------
        bool
            Whether there is one.
        """
        with self._news:
            return self._news.wait_for(lambda: self.count > self._seen, seconds)

    def newest(self, seconds: float = 0.0) -> Any:
        """Return the newest answer, waiting for one that was not returned before.

        Parameters
        ----------
        seconds : float
            At most.

        Returns
        -------
        object
            None before the first answer.

        Raises
        ------
        Exception
            Whatever the iterator raised; asking again then retries.
        """
        with self._news:
            self._news.wait_for(lambda: self.finished or self.count > self._seen, seconds)
            self._seen = self.count
            if self._error is not None:
                error, self._error = self._error, None
                self._cancel.set()
                raise error
            return self.answer

    def _work(self, make: Make, cancel: threading.Event) -> None:
        try:
            for found in make(cancel):
                if not self._publish(cancel, found):
                    return
            self._finish(cancel, None)
        except Exception as error:  # raised where the answers are read
            self._finish(cancel, error)

    def _publish(self, cancel: threading.Event, found: Any) -> bool:
        with self._news:
            if cancel.is_set():
                return False
            self.answer, self.count = found, self.count + 1
            self._news.notify_all()
            return True

    def _finish(self, cancel: threading.Event, error: Exception | None) -> None:
        with self._news:
            if not cancel.is_set():
                self.finished, self._error, self.count = True, error, self.count + 1  # the end counts as new too
                self._news.notify_all()
