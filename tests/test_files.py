"""Files are whole or absent."""

import os
import signal
import subprocess
import sys
import time

import pytest

from labkit.files import atomic_path, sha256, write_text
from labkit.messages import unknown_name


def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def fail_half_way():
        with atomic_path(target) as path:
            path.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_permissions_are_those_of_a_plain_file(tmp_path):
    write_text(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_kill_9_while_writing_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    code = f"""
import time
from labkit.files import atomic_path
with atomic_path({str(target)!r}) as path:
    with path.open("w") as file:
        file.write("half"); file.flush(); print("writing", flush=True); time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert target.read_text() == "old"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match=r"cannot write .*a\.txt: File exists; choose another place"):
        write_text(tmp_path / "file" / "a.txt", "x")


def test_sha256_of_the_empty_file(tmp_path):
    (tmp_path / "e").write_bytes(b"")
    assert sha256(tmp_path / "e") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_unknown_name_without_a_near_one_lists_all():
    assert str(unknown_name("model", "zzz", ["b", "a"])) == "unknown model 'zzz'; known: a, b"
