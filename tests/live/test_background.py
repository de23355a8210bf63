"""`Latest`: whatever is asked in whatever order, only the newest question's answers are ever seen."""

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.live import Latest


class Held:
    """An iterator that gives each answer only when its gate is opened, and notes the threads it ran in."""

    def __init__(self, *answers):
        self.answers, self.threads, self.started = answers, [], threading.Event()
        self.gates = [threading.Event() for _ in answers]

    def open(self):
        for gate in self.gates:
            gate.set()
        return self

    def __call__(self, cancel):
        self.threads.append(threading.current_thread())
        self.started.set()
        for gate, answer in zip(self.gates, self.answers, strict=True):
            assert gate.wait(10)
            if isinstance(answer, Exception):
                raise answer
            yield answer

    def join(self):
        assert self.threads
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def latest():
    return Latest()


def ask_and_start(latest, question, work):
    assert latest.ask(question, work)
    assert work.started.wait(10)


def test_before_any_question_there_is_no_answer(latest):
    assert (latest.newest(), latest.finished, latest.wait(0)) == (None, True, True)


@pytest.mark.parametrize("question", [None, 0, "", ("condense", 0.5)])
def test_the_first_question_is_always_new(latest, question):
    assert latest.ask(question, Held("yes").open())
    assert latest.wait(10)
    assert latest.newest() == "yes"


def test_the_last_answer_stays_readable(latest):
    latest.ask("squares", lambda cancel: (n * n for n in range(4)))
    assert latest.wait(10)
    assert [latest.newest(5), latest.newest(5)] == [9, 9]


def test_what_an_overtaken_question_answered_before_is_gone(latest):
    old, new = Held("old", "older"), Held("new")
    ask_and_start(latest, "old", old)
    old.gates[0].set()
    assert latest.newest(10) == "old"
    latest.ask("new", new)
    assert latest.newest() is None
    assert latest.answer is None
    new.open()
    assert latest.newest(10) == "new"
    old.open().join()


@pytest.mark.parametrize("late", ["old", ValueError("old")])
def test_what_an_overtaken_question_answers_late_is_never_seen(latest, late):
    old, new = Held(late), Held("new").open()
    ask_and_start(latest, "old", old)
    latest.ask("new", new)
    assert latest.newest(10) == "new"
    old.open().join()
    assert latest.newest() == "new"
    assert latest.question == "new"


@pytest.mark.parametrize("late", ["old", ValueError("old")])
def test_what_an_overtaken_question_answers_late_does_not_finish_the_new_one(latest, late):
    old, new = Held(late), Held("new")
    ask_and_start(latest, "old", old)
    latest.ask("new", new)
    old.open().join()
    assert (latest.newest(), latest.finished, latest.wait(0.05)) == (None, False, False)
    new.open()
    assert latest.newest(10) == "new"


@pytest.mark.parametrize("finished", [True, False])
def test_the_same_question_again_starts_nothing(latest, finished):
    work = Held("a", "b")
    ask_and_start(latest, ("m", 1), work)
    work.gates[0].set()
    assert latest.newest(10) == "a"
    if finished:
        work.open()
        assert latest.wait(10)
    assert not latest.ask(("m", 1), work)
    assert latest.newest() == ("b" if finished else "a")
    work.open().join()
    assert len(work.threads) == 1


@pytest.mark.parametrize("answers", [("a",), (ValueError("a"),)])
def test_nothing_is_read_from_a_cancelled_question(latest, answers):
    work = Held(*answers).open()
    latest.ask("q", work)
    assert latest.wait(10)
    latest.cancel()
    assert (latest.newest(), latest.answer, latest.finished) == (None, None, True)


@pytest.mark.parametrize("late", ["a", ValueError("a")])
def test_what_a_cancelled_question_answers_late_is_never_seen(latest, late):
    work = Held(late)
    ask_and_start(latest, "q", work)
    latest.cancel()
    assert latest.wait(0)
    work.open().join()
    assert (latest.newest(), latest.finished) == (None, True)


def test_asking_again_after_cancelling_starts_anew(latest):
    first, second = Held("first"), Held("second").open()
    ask_and_start(latest, "q", first)
    latest.cancel()
    assert latest.ask("q", second)
    assert latest.newest(10) == "second"
    first.open().join()
    assert latest.newest() == "second"


def test_an_error_reaches_the_reader_once_and_asking_again_tries_again(latest):
    latest.ask("q", Held("half", ZeroDivisionError("at 3")).open())
    assert latest.wait(10)
    with pytest.raises(ZeroDivisionError, match="at 3"):
        latest.newest(5)
    assert latest.finished
    latest.newest()  # said once
    assert latest.ask("q", Held("whole").open())
    assert latest.newest(10) == "whole"


def test_an_error_before_the_first_answer_reaches_the_reader(latest):
    latest.ask("q", lambda cancel: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        latest.newest(10)


def test_waiting_for_news_ends_in_time(latest):
    work = Held("a")
    ask_and_start(latest, "q", work)
    begun = time.monotonic()
    assert latest.newest(0.2) is None
    assert not latest.wait(0.2)
    assert 0.4 <= time.monotonic() - begun < 2
    work.open().join()


def test_waiting_is_for_what_was_not_returned_before(latest):
    work = Held("a", "b")
    ask_and_start(latest, "q", work)
    work.gates[0].set()
    assert latest.newest(10) == "a"
    begun = time.monotonic()
    assert latest.newest(0.2) == "a"  # no news: the old answer, after the whole wait
    assert time.monotonic() - begun >= 0.2
    threading.Timer(0.2, work.gates[1].set).start()
    begun = time.monotonic()
    assert latest.newest(10) == "b"
    assert time.monotonic() - begun < 5
    assert latest.wait(10)
    begun = time.monotonic()
    assert latest.newest(10) == "b"  # finished: no news can come
    assert time.monotonic() - begun < 5


def test_news_are_what_was_not_read_yet(latest):
    work = Held("a", "b", "c")
    assert not latest.has_news()
    ask_and_start(latest, "q", work)
    assert not latest.has_news(0.05)
    for gate, answer in zip(work.gates[:2], "ab", strict=True):
        gate.set()
        assert latest.has_news(10)
        assert latest.has_news()  # asking for news reads nothing
        assert latest.newest() == answer
        assert not latest.has_news()
    work.open().join()
    assert latest.has_news()
    assert latest.newest() == "c"
    assert not latest.has_news()


def test_the_end_is_news_even_without_another_answer(latest):
    gate = threading.Event()

    def once(cancel):
        yield "a"
        assert gate.wait(10)

    latest.ask("q", once)
    assert latest.newest(10) == "a"
    assert not latest.has_news()
    gate.set()
    assert latest.has_news(10)
    assert latest.finished
    assert latest.newest() == "a"
    assert not latest.has_news()


def test_an_error_is_news_until_it_was_raised(latest):
    latest.ask("q", Held(ValueError("no")).open())
    assert latest.has_news(10)
    with pytest.raises(ValueError, match="no"):
        latest.newest()
    assert not latest.has_news()


@pytest.mark.parametrize("answer", ["unread", ValueError("unread")])
@pytest.mark.parametrize("stop", [lambda latest: latest.cancel(), lambda latest: latest.ask("other", Held("x"))])
def test_what_is_no_longer_wanted_is_no_news(latest, answer, stop):
    latest.ask("q", Held(answer).open())
    assert latest.has_news(10)
    stop(latest)
    assert not latest.has_news()


def test_cancelling_frees_a_waiting_reader(latest):
    work = Held("a")
    ask_and_start(latest, "q", work)
    threading.Timer(0.1, latest.cancel).start()
    begun = time.monotonic()
    assert latest.newest(10) is None
    assert time.monotonic() - begun < 5
    work.open().join()


def test_a_worker_that_looks_at_its_flag_ends_when_cancelled(latest):
    threads = []

    def patient(cancel):
        threads.append(threading.current_thread())
        yield "begun"
        assert cancel.wait(10)

    latest.ask("q", patient)
    assert latest.newest(10) == "begun"
    latest.cancel()
    threads[0].join(5)
    assert not threads[0].is_alive()


@pytest.mark.parametrize("stop", [lambda latest: latest.cancel(), lambda latest: latest.ask("other", Held().open())])
def test_a_worker_that_never_looks_ends_at_its_next_answer(latest, stop):
    threads, closed = [], threading.Event()

    def endless(cancel):
        threads.append(threading.current_thread())
        try:
            while True:
                yield "more"
                time.sleep(0.001)
        finally:
            closed.set()

    latest.ask("q", endless)
    assert latest.newest(10) == "more"
    stop(latest)
    threads[0].join(5)
    assert not threads[0].is_alive()
    assert closed.is_set()


moves = st.lists(
    st.tuples(st.sampled_from(["ask", "ask", "cancel", "read", "wait"]), st.integers(0, 3), st.integers(0, 3)), max_size=25
)


@given(moves=moves)
@settings(max_examples=60, deadline=None)
def test_whatever_is_done_only_the_newest_question_is_read(moves):
    latest, asked, number = Latest(), None, 0

    def counting(mark, length):
        return lambda cancel: ((mark, n) for n in range(length))

    for move, question, length in moves:
        if move == "ask":
            number += 1
            if latest.ask(question, counting((question, number), length)):
                asked = (question, number), length
            assert asked[0][0] == question
        elif move == "cancel":
            latest.cancel()
            asked = None
        elif move == "wait":
            assert latest.wait(10)
            wanted = None if asked is None or asked[1] == 0 else (asked[0], asked[1] - 1)
            assert latest.newest() == wanted
        else:
            seen = latest.newest(0.002)
            assert seen is None or (asked is not None and seen[0] == asked[0])


@pytest.mark.parametrize("round_", range(10))
def test_many_threads_asking_at_once_end_with_the_last_question(latest, round_):
    start, numbers = threading.Barrier(8), range(round_, round_ + 30)

    def work(name):
        start.wait(10)
        for number in numbers:
            question = (name, number)
            latest.ask(question, lambda cancel, question=question: ((question, part) for part in ("half", "whole")))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert latest.wait(10)
    assert latest.question[1] == numbers[-1]
    assert latest.newest() == (latest.question, "whole")
    time.sleep(0.01)  # nobody who was overtaken comes late
    assert latest.newest() == (latest.question, "whole")
