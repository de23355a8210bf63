"""The terminal says where the dashboard is, however it is started, and the server stops when it is told to."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress

import pytest

from tests.app.conftest import MAIN

BY_HAND = ["-m", "streamlit", "run", str(MAIN), "--server.port"]


def _listens(port: int) -> bool:
    """Wait until the server answers: it stops in an orderly way only from then on."""
    end = time.monotonic() + 240
    while time.monotonic() < end:
        with suppress(OSError):
            return urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5).status == 200
        time.sleep(0.1)
    return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "gone"),
    [(BY_HAND, False), (["-m", "labkit", "app", "--port"], False), (["-m", "labkit", "app", "--port"], True)],
    ids=["by hand", "labkit app", "labkit app whose terminal is gone"],
)
def test_the_terminal_prints_the_address(tmp_path, command, gone):
    env = {**os.environ, "HOME": str(tmp_path), "BROWSER": "true", "PYTHONUNBUFFERED": "1"}
    words = [sys.executable, *command, "8397"]
    process = subprocess.Popen(
        words, cwd=MAIN.parents[1], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    threading.Thread(target=process.stderr.read, daemon=True).start()
    alarm = threading.Timer(300, process.kill)
    alarm.start()
    try:
        found = next((line for line in process.stdout if re.search(r"http://localhost:8397\b", line)), None)
        started = found is not None and _listens(8397)
        if gone:
            process.stdout.close()
        process.terminate()
        if not gone:
            process.stdout.read()  # Streamlit run by hand says more, and does not stop where it cannot
        process.wait()
    finally:
        alarm.cancel()
        process.kill()
    assert started
    assert process.returncode != -signal.SIGKILL, "the server did not stop within minutes"
