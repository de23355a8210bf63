"""Work that takes long: progress with the time that is left, a way to stop it, and found again when the page is loaded again."""

from collections.abc import Callable, Hashable, Iterator
from threading import Event
from typing import Any

import streamlit as st

from common.server import jobs
from common.shell import MISTAKES, say
from common.words import plain
from labkit import live
from widgets.pulse import background, bell
from widgets.pulse.presence import presence

Make = Callable[[Event], Iterator[Any]]


def long_work(
    name: str,
    question: Hashable,
    make: Make,
    *,
    label: str,
    said: str | Callable[[], str] | None = "",
    words: Callable[[float, float], str] = "{:g} of {:g}".format,
    progress: Callable[[Any], tuple[float, float]] = lambda answer: answer,
    starting: str = "Starting …",
    doing: Callable[[Any], str] | None = None,
    timed: bool = True,
    below: Callable[[Any, bool], None] | None = None,
    asked: Callable[[], tuple[Hashable, Make]] | None = None,
    **button: Any,
) -> Any:
    """Draw a button that starts a work or, while it runs, its progress and a button that stops it; return its newest answer.

    Use it in a fragment of a page that has a ``heartbeat(name)``, and draw it last.

    Parameters
    ----------
    name : str
        Of the ``background(name)`` that the heartbeat looks at.
    question : hashable
        Identifies the work: whoever opens the page with the same question sees the same work, also after a reload.
    make : callable (event) -> iterator
        Makes the answers; the event is set when the work is stopped.
    label : str
        Of the button.
    said : str, callable () -> str, or None
        Stands beside the button; a callable is asked once it is known whether the work runs. Where it is empty and nothing runs,
        nothing is drawn; with None the button has the full width.
    words : callable (done, total) -> str
        Stands on the bar.
    progress : callable (answer) -> (done, total)
    starting : str
        Stands on the bar before the first answer.
    doing : callable (answer) -> str, optional
        Stands on the bar instead of `words`.
    timed : bool
        Whether to say the time that is left; not where parts of the work take very different times.
    below : callable (answer, running), optional
        Draws what stands below: it is called before the browser is told that all is drawn.
    asked : callable () -> (question, make), optional
        What a press of the button starts, where that depends on fields: they may have changed since the button was drawn.
    **button
        Passed to ``st.button``, e.g. ``type="primary"``.
    """
    reader, job = background(name), jobs().find(question)
    if job is not None and reader.job is not job:
        job.watch(presence())
        reader.follow(job)
    elif job is None and reader.question != question:
        reader.leave()
    answer, running = None, False
    try:
        if job is not None:
            answer = reader.newest()
            running = not job.finished  # after reading: where it ends from here on, that is news
            answer = answer if running else reader.newest()  # the last one may have come in between
    except MISTAKES as error:
        say(error)
        answer, running = None, False
    text = said() if callable(said) else said
    if job is not None and running:
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.progress(*_how_far(job, answer, words, progress, doing, timed) if answer is not None else (0.0, starting))
        right.button("Stop", key=f"{name}-stop", width="stretch", on_click=job.stop)
    elif text != "":
        left, right = (None, st) if text is None else st.columns([3, 1], vertical_alignment="center")
        if left is not None:
            left.caption(text)
        begin = asked or (lambda: (question, make))
        right.button(label, key=f"{name}-start", width="stretch", on_click=lambda: start(name, *begin()), **button)
    if below is not None:
        below(answer, running)
    if running or (below is not None and job is not None):
        bell(name)
    return answer


def start(name: str, question: Hashable, make: Make) -> None:
    """Start a work of all visitors, or join it where it runs already, and read it as ``background(name)``."""
    background(name).follow(jobs().start(question, make, presence()))


def resumed(name: str, question: Hashable) -> live.Latest:
    """Return ``background(name)``; where it has nothing to do, it reads the work with this question again, if there is one."""
    reader, job = background(name), jobs().find(question)
    if job is not None and job is not reader.job and reader.finished:
        job.watch(presence())
        reader.follow(job)
    return reader


def _how_far(
    job: live.Job,
    answer: Any,
    words: Callable[..., str],
    progress: Callable[..., tuple[float, float]],
    doing: Callable[[Any], str] | None,
    timed: bool,
) -> tuple[float, str]:
    """Return the share that is done, and what stands on the bar."""
    done, total = progress(answer)
    seconds, first = job.since_first
    said = doing(answer) if doing is not None else words(done, total)
    rest = live.time_left(seconds, progress(first)[0], done, total) if timed else ""
    return min(1.0, done / total), plain(", ".join(filter(None, (said, rest))))


def is_known(question: Hashable) -> bool:
    """Whether the work with this question is under way or has come to its end: there is nothing to start."""
    job = jobs().find(question)
    return job is not None and job.error is None
