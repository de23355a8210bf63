"""The terminal says where the dashboard is, however it is started."""

import os
import re
import subprocess
import sys
import threading

import pytest

from tests.app.conftest import MAIN

BY_HAND = ["-m", "streamlit", "run", str(MAIN), "--server.port"]


@pytest.mark.slow
@pytest.mark.parametrize("command", [BY_HAND, ["-m", "labkit", "app", "--port"]], ids=["by hand", "labkit app"])
def test_the_terminal_prints_the_address(tmp_path, command):
    env = {**os.environ, "HOME": str(tmp_path), "BROWSER": "true", "PYTHONUNBUFFERED": "1"}
    words = [sys.executable, *command, "8397"]
    with subprocess.Popen(
        words, cwd=MAIN.parents[1], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        alarm = threading.Timer(60, process.kill)
        alarm.start()
        try:
            found = next((line for line in process.stdout if re.search(r"http://localhost:8397\b", line)), None)
        finally:
            alarm.cancel()
            process.terminate()
    assert found is not None
