"""Workers end with their parent, however it ends, and at once when it stops; none prints a traceback."""

import os
import signal
import subprocess
import sys
import time

import pytest

from labkit.workers import Workers

PARENT = """
import os, sys, time, signal
from concurrent.futures import as_completed
from labkit.workers import Workers

def job(folder, number):
    try:
        open(f"{folder}/begun-{number}-{os.getpid()}", "w").close()
        time.sleep(0.01 if number == 0 else 60)
    finally:
        open(f"{folder}/left-{number}", "w").close()

if __name__ == "__main__":
    with Workers(2) as pool:
        for future in as_completed([pool.submit(job, sys.argv[1], number) for number in range(40)]):
            future.result()
"""


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at processes in /proc")
@pytest.mark.parametrize(("number", "group"), [(signal.SIGKILL, False), (signal.SIGTERM, False), (signal.SIGINT, True)], ids=str)
def test_workers_end_with_their_parent(tmp_path, number, group):
    script, folder = tmp_path / "parent.py", tmp_path / "jobs"
    script.write_text(PARENT)
    folder.mkdir()
    parent = subprocess.Popen([sys.executable, script, folder], stderr=subprocess.PIPE, text=True, start_new_session=True)
    until(lambda: len(list(folder.glob("begun-*"))) >= 3)
    pids = {int(path.name.split("-")[2]) for path in folder.glob("begun-*")}
    (os.killpg if group else os.kill)(parent.pid, number)  # a terminal sends Ctrl-C to all
    until(lambda: not any(map(alive, pids)), 20)  # about one second where nothing else runs; their jobs take 60
    said = parent.communicate(timeout=30)[1]
    assert parent.returncode == -number
    assert len(list(folder.glob("begun-*"))) == 3  # what waited was not begun
    assert len(list(folder.glob("left-*"))) == 3  # and what was half done could clean up
    assert said.count("Traceback") == (number == signal.SIGINT)  # the parent's own


def test_a_block_that_fails_stops_its_workers_and_one_that_does_not_waits_for_them():
    began = time.monotonic()
    with pytest.raises(ZeroDivisionError), Workers(1) as pool:
        assert pool.submit(time.sleep, 60).done() or 1 / 0
    assert time.monotonic() - began < 20
    with Workers(1, "os:putenv", "LABKIT_PREPARED", "yes") as pool:
        answer = pool.submit(subprocess.getoutput, "echo $LABKIT_PREPARED")
    assert answer.result() == "yes"
