"""`Latest`: one job at a time in a background thread; a newer job cancels the older, whose answers are discarded."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any

from labkit.live.jobs import Alive, Job, Make


class Latest:
    """Run an iterator of answers in a background thread, always that of the newest question.

    Thread-safe. Answers to a question that was cancelled or superseded are never returned.

    Parameters
    ----------
    alive : callable () -> bool, optional
        Whether the one who asks is still there; a job is cancelled when nobody has been for `grace` seconds.
    grace : float

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

    def __init__(self, alive: Alive | None = None, grace: float = 1.0) -> None:
        self._lock = threading.RLock()
        self._job: Job | None = None
        self._alive, self._grace = alive, grace
        self._seen, self._told = 0, False

    @property
    def job(self) -> Job | None:
        """The newest one."""
        return self._job

    @property
    def question(self) -> Hashable:
        """The question asked last."""
        return None if self._job is None else self._job.question

    @property
    def answer(self) -> Any:
        """The newest answer, None before the first."""
        return None if self._job is None else self._job.answer

    @property
    def finished(self) -> bool:
        """Whether no answer is under way."""
        return self._job is None or self._job.finished

    @property
    def count(self) -> int:
        """Answers so far; the end counts too."""
        return 0 if self._job is None else self._job.count

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
        with self._lock:
            job = self._job
            if job is not None and question == job.question and not job.stopped and not self._told:
                return False
            if job is not None:
                job.stop()
            self.follow(Job(question, make, self._alive, self._grace))
            return True

    def follow(self, job: Job) -> None:
        """Read the answers of a job that was started elsewhere; all its answers are new.

        Parameters
        ----------
        job : Job
        """
        with self._lock:
            if job is not self._job:
                self._job, self._seen, self._told = job, 0, False

    def leave(self) -> None:
        """Read no further answers, and let the job run on for others."""
        with self._lock:
            self._job = None

    def cancel(self) -> None:
        """Stop the running job and discard its answers; asking the same question again restarts it."""
        with self._lock:
            if self._job is not None:
                self._job.stop()
                self._seen = self._job.count  # earlier answers no longer count as new

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
        job = self._job
        if job is None:
            return True
        with job.news:
            return job.news.wait_for(lambda: job.finished, seconds)

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
        job = self._job
        if job is None:
            return False
        with job.news:
            job.news.wait_for(lambda: job.count > self._seen or job.stopped, seconds)
            return not job.stopped and job.count > self._seen

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
        job = self._job
        if job is None:
            return None
        with job.news:
            job.news.wait_for(lambda: job.finished or job.count > self._seen, seconds)
            if job is self._job:
                self._seen = job.count
            if job.error is not None and not self._told:
                self._told = True
                raise job.error
            return job.answer
