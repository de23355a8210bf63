"""The soak itself: it sees what it looks for, repeats what a seed means, and goes on where it was stopped."""

import json
import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.conftest import ROOT
from tools.soak import disk, kills, mutate, sessions
from tools.soak.fuzzing import State
from tools.soak.report import Part, write
from tools.soak.verdict import LONGEST, MEMORY, SECONDS, judge
from tools.soak.worker import tried


class Foreign(ValueError):
    """An error of another library that is a ValueError too."""


Foreign.__module__ = "elsewhere.errors"

ESCAPES = {
    "a key error": (KeyError("x"), 0, 0),
    "an end of the process": (SystemExit(0), 0, 0),
    "several lines": (ValueError("a\nb"), 0, 0),
    "a long message": (ValueError("x" * (LONGEST + 1)), 0, 0),
    "no message": (ValueError(), 0, 0),
    "another library's": (Foreign("x"), 0, 0),
    "a decoder's": (UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), 0, 0),
    "a caught lack of memory": (ValueError("f.csv: Unable to allocate 3 GiB"), 0, 0),
    "time": (None, SECONDS + 1, 0),
    "memory": (None, 0, MEMORY + 1),
}


@pytest.mark.parametrize(("error", "seconds", "peak"), ESCAPES.values(), ids=ESCAPES)
def test_what_no_loader_may_do_escapes(error, seconds, peak):
    assert judge(error, seconds, peak).kind == "escaped"


def test_a_result_and_a_sentence_are_what_loaders_give():
    assert judge(None).kind == "loaded"
    assert judge(ValueError("f.csv is empty; give a table")).kind == "refused"
    assert judge(TypeError("give an array, got None")).kind == "refused"


def _raise(error):
    raise error


def test_a_read_that_ends_the_process_or_takes_memory_is_seen():
    assert tried(lambda: _raise(SystemExit(0)))["reason"] == "SystemExit"
    held = tried(lambda: np.ones(2**25).sum())
    assert held["kind"] == "loaded"
    assert held["megabytes"] > 200


def test_a_seed_gives_the_same_mutation_again():
    facts = {"a": [1, 2, {"b": "c"}], "d": None}
    for seed in range(30):
        one, other = random.Random(seed), random.Random(seed)
        assert mutate.mutated(b"some bytes" * 20, one) == mutate.mutated(b"some bytes" * 20, other)
        assert mutate.mutated_text("some words\n1 2 3\n", one) == mutate.mutated_text("some words\n1 2 3\n", other)
        assert repr(mutate.mutated_json(facts, one)) == repr(mutate.mutated_json(facts, other))
    assert facts == {"a": [1, 2, {"b": "c"}], "d": None}


def test_a_trial_goes_on_where_it_was_and_keeps_what_escaped(tmp_path):
    state, place = State(tmp_path, 7), tmp_path / "work"
    for kind in ("loaded", "refused", "escaped"):
        place.mkdir()
        (place / "input.csv").write_text("x")
        state.add("from_csv", {"kind": kind, "reason": "KeyError", "message": "x", "trace": "where"}, place)
    again = State(tmp_path, 7)
    assert again.next("from_csv") == 3
    assert again.next("weights") == 0
    assert again.part().failures == ["from_csv: KeyError (1 inputs)"]
    assert (tmp_path / "escaped" / "from_csv-2" / "input" / "input.csv").read_text() == "x"
    with pytest.raises(ValueError, match="--seed 7"):
        State(tmp_path, 8)


@pytest.mark.slow
def test_the_command_reads_inputs_in_a_process_of_its_own_and_resumes(tmp_path):
    command = [sys.executable, "-m", "tools.soak", "--only", "loaders", "--loader", "own_networks", "--share", "0.03"]
    read = []
    for _ in range(2):
        done = subprocess.run([*command, "--folder", str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
        facts = json.loads((tmp_path / "results.json").read_text())["loaders"]
        assert done.returncode == bool(facts["failures"]), done.stderr
        read.append(sum(value for row in facts["rows"] for key, value in row.items() if key != "what"))
    assert 0 < read[0] < read[1]


def test_workers_of_a_session_are_found_though_their_parent_is_gone():
    parent = subprocess.Popen(
        [sys.executable, "-c", "import subprocess; subprocess.Popen(['sleep', '60']); input()"],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    while len(kills.members(parent.pid)) < 2:
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    (orphan,) = kills.members(parent.pid)
    os.kill(orphan, 9)
    while kills.members(parent.pid):
        time.sleep(0.01)
    parent.stdin.close()


def test_a_write_that_leaves_half_a_file_or_says_nothing_is_seen(tmp_path):
    def half(folder, version):
        with open(folder / "f", "wb") as file:
            file.write(bytes(100))
            file.flush()
            raise OSError("the disk is full; free some space")

    class Writer:
        name, write, read = "half", staticmethod(half), staticmethod(lambda folder: None)

    assert "f changed" in disk._at(tmp_path, Writer, disk._limited, 10**6, older=False)[1]
    Writer.write = staticmethod(lambda folder, version: None)
    assert disk._at(tmp_path, Writer, disk._limited, 10**6, older=False) == (True, "nothing was written, and nothing was said")


def test_growing_memory_slow_pages_and_tracebacks_fail(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("Traceback (most recent call last):\n")
    seen = sessions.Seen(memory=[(second, 500.0 + 5 * second) for second in range(100)])
    seen.pages["live"] = [9.0] * 10
    failures = " ".join(sessions._part(seen, log, 100, whole=True).failures)
    assert "Traceback" in failures
    assert "within 9.0 s" in failures
    assert "memory grows" in failures
    calm = sessions.Seen(memory=[(second, 500.0) for second in range(100)])
    calm.pages["live"] = [0.5] * 10
    log.write_text("")
    assert sessions._part(calm, log, 100, whole=True).failures == []


def test_results_are_written_for_machines(tmp_path):
    write([Part("disk", [{"what": "run", "levels": 3}])], tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["disk"]["rows"] == [{"what": "run", "levels": 3}]
