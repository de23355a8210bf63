"""`Job`: answers made in a background thread as long as somebody wants them; `Jobs`: those of a server, found by their question."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from typing import Any

Make = Callable[[threading.Event], Iterator[Any]]
Alive = Callable[[], bool]
LOOK = 0.25  # seconds between two looks at whether somebody is there


class Job:
    """Run an iterator of answers in a background thread. Thread-safe.

    Parameters
    ----------
    question : hashable
        Identifies what is computed.
    make : callable (threading.Event) -> iterator
        The event is set when the answers are no longer needed.
    alive : callable () -> bool, optional
        Whether the one who asked is still there; without it the job runs to its end.
    grace : float
        Seconds for which nobody has to be there before the job is stopped.

    Attributes
    ----------
    answer : object
        The newest one, None before the first.
    finished : bool
        Whether nothing more will come.
    error : Exception or None
        What the iterator raised.
    count : int
        Answers so far; the end counts too.
    """

    def __init__(self, question: Hashable, make: Make, alive: Alive | None = None, grace: float = 1.0) -> None:
        self.question, self.news, self._cancel = question, threading.Condition(), threading.Event()
        self.answer: Any = None
        self.error: Exception | None = None
        self.finished, self.count, self._grace = False, 0, grace
        self._watchers: list[Alive] = []
        self._first: tuple[float, Any] | None = None
        threading.Thread(target=self._work, args=(make,), daemon=True, name="labkit-live").start()
        if alive is not None:
            self.watch(alive)

    @property
    def stopped(self) -> bool:
        """Whether it was stopped before its end."""
        return self._cancel.is_set()

    @property
    def since_first(self) -> tuple[float, Any]:
        """Seconds since the first answer, and that answer: what is needed to estimate how long the rest takes."""
        began, answer = self._first or (time.monotonic(), None)
        return time.monotonic() - began, answer

    def watch(self, alive: Alive) -> None:
        """Run as long as this or another watcher is there.

        Parameters
        ----------
        alive : callable () -> bool
        """
        with self.news:
            self._watchers.append(alive)
            if len(self._watchers) == 1:
                threading.Thread(target=self._look, daemon=True, name="labkit-watch").start()

    def stop(self) -> None:
        """Stop it, and discard its answers."""
        with self.news:
            self._cancel.set()
            self.answer, self.finished, self.error = None, True, None
            self.news.notify_all()

    def _look(self) -> None:
        seen = time.monotonic()
        while True:
            with self.news:
                if self.news.wait_for(lambda: self.finished, LOOK):
                    return
                watchers = list(self._watchers)
            if any(alive() for alive in watchers):
                seen = time.monotonic()
            elif time.monotonic() - seen > self._grace:
                self.stop()

    def _work(self, make: Make) -> None:
        try:
            for found in make(self._cancel):
                if not self._publish(found):
                    return
            self._finish(None)
        except Exception as error:  # raised where the answers are read
            self._finish(error)

    def _publish(self, found: Any) -> bool:
        with self.news:
            if self._cancel.is_set():
                return False
            self.answer, self.count = found, self.count + 1
            self._first = self._first or (time.monotonic(), found)
            self.news.notify_all()
            return True

    def _finish(self, error: Exception | None) -> None:
        with self.news:
            if not self._cancel.is_set():
                self.finished, self.error, self.count = True, error, self.count + 1  # the end counts as new too
                self.news.notify_all()


class Jobs:
    """Jobs of a server that all its visitors share, and that a visitor finds again after a reload. Thread-safe.

    Parameters
    ----------
    most : int
        Finished jobs that are kept, so that their answers are found.
    """

    def __init__(self, most: int = 8) -> None:
        self._lock, self._jobs, self._most = threading.Lock(), dict[Hashable, Job](), most

    def find(self, question: Hashable) -> Job | None:
        """Return the job with this question that runs or has ended, but was not stopped.

        Parameters
        ----------
        question : hashable

        Returns
        -------
        Job or None
        """
        with self._lock:
            job = self._jobs.get(question)
            return None if job is None or job.stopped else job

    def start(self, question: Hashable, make: Make, alive: Alive | None = None, grace: float = 15.0) -> Job:
        """Return the running job with this question, or start one.

        Parameters
        ----------
        question, make, alive, grace
            As for `Job`; the grace is long enough for a page that is loaded again.

        Returns
        -------
        Job
        """
        with self._lock:
            job = self._jobs.get(question)
            if job is not None and not job.finished:
                if alive is not None:
                    job.watch(alive)
                return job
            self._jobs.pop(question, None)
            ended = [asked for asked, one in self._jobs.items() if one.finished]
            for asked in ended[: max(0, len(ended) - self._most)]:
                del self._jobs[asked]
            job = self._jobs[question] = Job(question, make, alive, grace)
            return job
