"""`labkit app` is one process: what ends it ends the server."""

import socket
import subprocess
import sys
import time

import pytest


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def listening(port):
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("localhost", port)) == 0


def wait_for(condition, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.mark.slow
def test_terminating_the_command_ends_the_server(tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "labkit", "app", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert f"http://localhost:{port}" in process.stdout.readline()
        wait_for(lambda: listening(port))
        process.terminate()
        process.wait(300)
        wait_for(lambda: not listening(port))
    finally:
        process.kill()


@pytest.mark.slow
def test_a_public_dashboard_warns(tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "labkit", "app", "--no-browser", "--public", "--port", str(port)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        said = process.stderr.readline()
        assert "no password" in said
        assert str(port) in said
    finally:
        process.kill()
        process.wait()
