"""Work that takes long: progress with the time that is left, a way to stop it, and found again when the page is loaded again."""

from collections.abc import Callable, Hashable, Iterator
from threading import Event
from typing import Any

import streamlit as st

from common.server import jobs
from common.shell import MISTAKES, say
from labkit import live
from widgets.pulse import background, bell
from widgets.pulse.presence import presence


def long_work(
    name: str,
    question: Hashable,
    make: Callable[[Event], Iterator[Any]],
    *,
    label: str,
    said: str = "",
    words: Callable[[float, float], str] = "{:g} of {:g}".format,
    progress: Callable[[Any], tuple[float, float]] = lambda answer: answer,
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
    said : str
        Stands beside the button; without it and without a work nothing is drawn.
    words : callable (done, total) -> str
        Stands on the bar.
    progress : callable (answer) -> (done, total)
    **button
        Passed to ``st.button``, e.g. ``type="primary"``.
    """
    reader, job = background(name), jobs().find(question)
    if job is not None and reader.job is not job:
        job.watch(presence())
        reader.follow(job)
    elif job is None and reader.question != question:
        reader.leave()
    try:
        answer = None if job is None else reader.newest()
    except MISTAKES as error:
        say(error)
        answer, job = None, None
    if job is not None and not job.finished:
        _running(name, job, answer, words, progress)
    elif said:
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.caption(said)
        right.button(label, key=f"{name}-start", width="stretch", on_click=start, args=(name, question, make), **button)
    return answer


def start(name: str, question: Hashable, make: Callable[[Event], Iterator[Any]]) -> None:
    """Start a work of all visitors, or join it where it runs already, and read it as ``background(name)``."""
    background(name).follow(jobs().start(question, make, presence()))


def resumed(name: str, question: Hashable) -> live.Latest:
    """Return ``background(name)``; where it has nothing to do, it reads the work with this question again, if there is one."""
    reader, job = background(name), jobs().find(question)
    if job is not None and job is not reader.job and reader.finished:
        job.watch(presence())
        reader.follow(job)
    return reader


def _running(name: str, job: live.Job, answer: Any, words: Callable[..., str], progress: Callable[..., Any]) -> None:
    left, right = st.columns([3, 1], vertical_alignment="center")
    if answer is None:
        left.progress(0.0, text="Starting …")
    else:
        done, total = progress(answer)
        seconds, first = job.since_first
        rest = live.time_left(seconds, progress(first)[0], done, total)
        left.progress(min(1.0, done / total), text=", ".join(filter(None, (words(done, total), rest))))
    right.button("Stop", key=f"{name}-stop", width="stretch", on_click=job.stop)
    bell(name)
