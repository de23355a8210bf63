"""Jobs that end when nobody is there, outlive a short absence, and are found by their question."""

import threading
import time

import pytest

from labkit.live import Job, Jobs, Latest, time_left


class Endless:
    """Answers until it is told to stop; notes when it ended."""

    def __init__(self):
        self.ended = threading.Event()

    def __call__(self, cancel):
        number = 0
        while not cancel.wait(0.01):
            yield (number := number + 1)
        self.ended.set()


def test_a_job_ends_when_nobody_is_there_any_more():
    work, there = Endless(), threading.Event()
    there.set()
    latest = Latest(there.is_set, grace=0.2)
    latest.ask("q", work)
    assert not work.ended.wait(0.6)  # as long as somebody is there
    there.clear()
    begun = time.monotonic()
    assert work.ended.wait(5)
    assert time.monotonic() - begun < 2
    assert latest.finished
    assert latest.newest() is None
    there.set()
    assert latest.ask("q", work)  # whoever comes back starts it again
    latest.cancel()


def test_a_short_absence_ends_nothing():
    work, there = Endless(), threading.Event()
    job = Job("q", work, there.is_set, grace=5)
    assert not work.ended.wait(0.6)
    there.set()
    assert not work.ended.wait(0.6)
    job.stop()
    assert work.ended.wait(5)


def test_one_visitor_of_two_is_enough():
    work, first, second = Endless(), threading.Event(), threading.Event()
    first.set(), second.set()
    jobs = Jobs()
    job = jobs.start("q", work, first.is_set, grace=0.1)
    assert jobs.start("q", work, second.is_set) is job
    first.clear()
    assert not work.ended.wait(0.8)
    second.clear()
    assert work.ended.wait(5)
    assert jobs.find("q") is None  # stopped: as if it never was


def test_what_has_ended_is_found_and_what_was_stopped_is_not():
    jobs = Jobs(most=2)
    for question in "abcd":
        job = jobs.start(question, lambda cancel: iter([1, 2]))
        with job.news:
            assert job.news.wait_for(lambda job=job: job.finished, 5)
    assert jobs.find("a") is None  # the oldest is forgotten
    assert (jobs.find("d").answer, jobs.find("d").finished) == (2, True)
    jobs.find("d").stop()
    assert jobs.find("d") is None


def test_two_readers_of_a_job_each_get_its_news_and_its_error():
    go_on = threading.Event()

    def work(cancel):
        yield 1
        assert go_on.wait(5)
        raise ValueError("no")

    job, readers = Job("q", work), (Latest(), Latest())
    for reader in readers:
        reader.follow(job)
        assert reader.newest(5) == 1
    go_on.set()
    for reader in readers:
        assert reader.has_news(5)
        with pytest.raises(ValueError, match="no"):
            reader.newest()


def test_the_time_that_is_left_is_told_from_what_was_done_since_the_first_answer():
    assert time_left(30, 4, 10, 20) == "about 50 s left"  # 5 s for one
    assert time_left(600, 0, 10, 40) == "about 30 min left"
    assert time_left(5, 4, 4, 20) == ""
