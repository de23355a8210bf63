"""A cache that threads share."""

import threading
import time

import pytest

from labkit.caching import shared_cache


def test_what_many_threads_ask_is_computed_once():
    calls, answers = [], []

    @shared_cache(maxsize=4)
    def slow(value):
        calls.append(value)
        time.sleep(0.05)
        return [value]

    threads = [threading.Thread(target=lambda: answers.append(slow(7))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [7]
    assert len({id(answer) for answer in answers}) == 1


def test_it_may_call_itself_and_forgets_what_is_oldest():
    calls = []

    @shared_cache(maxsize=2)
    def factorial(number):
        calls.append(number)
        return 1 if number == 0 else number * factorial(number - 1)

    assert factorial(3) == 6
    assert factorial(3) == 6
    assert calls == [3, 2, 1, 0]
    factorial(0)
    assert calls == [3, 2, 1, 0, 0]


def test_an_error_is_not_kept():
    tries = []

    @shared_cache(maxsize=None)
    def once(value):
        tries.append(value)
        if len(tries) == 1:
            raise OSError("busy")
        return value

    with pytest.raises(OSError, match="busy"):
        once(1)
    assert once(1) == 1
