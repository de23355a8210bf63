"""A sweep that is stopped ends at once, with its processes, and leaves nothing half written; failures are told as they happen."""

import os
import signal
import subprocess
import sys
import time

import pytest

PLUGIN = """
import os, time
from labkit.compress import METHODS, Method, register
from labkit.registry import Param

def apply(model, *, share, **_):
    open(os.environ["BEGUN"] + f"/{share}-{os.getpid()}", "w").close()
    if share < 0.6:
        raise RuntimeError("too few [/] left")
    if share > 0.7:
        time.sleep(120)
    return METHODS["quantize"](model)

register(Method("slow", "Slow", "", apply, params={"share": Param(0.5, 0.99, 0.5)}))
"""
GRID = f"models: [mlp_adult]\nmethods:\n  slow: {{share: {[0.5, 0.65, *(n / 100 for n in range(71, 95))]}}}\n"


@pytest.fixture
def sweep(tmp_path):
    (tmp_path / "slow.py").write_text(PLUGIN)
    (tmp_path / "grid.yaml").write_text(GRID)
    (tmp_path / "begun").mkdir()
    command = [sys.executable, "-m", "labkit", "--plugin", "slow.py", "sweep", "grid.yaml", "--no-weights", "--processes", "2"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "BEGUN": str(tmp_path / "begun")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process
    process.kill()
    process.communicate()


def ended(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at processes in /proc")
@pytest.mark.parametrize(
    ("number", "group", "code"), [(signal.SIGINT, True, 130), (signal.SIGTERM, False, 143), (signal.SIGKILL, False, -9)], ids=str
)
def test_a_sweep_ends_when_told_to(sweep, tmp_path, number, group, code):
    for line in sweep.stderr:  # while the others still run
        if "failed:" in line:
            break
    assert "RuntimeError: too few [/] left" in line
    deadline = time.monotonic() + 100
    while len(list((tmp_path / "begun").iterdir())) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    pids = {int(path.name.rpartition("-")[2]) for path in (tmp_path / "begun").iterdir()}
    began = time.monotonic()
    (os.killpg if group else os.kill)(sweep.pid, number)
    while not all(map(ended, pids)):
        assert time.monotonic() < began + 4  # about one second, on a machine that does nothing else
        time.sleep(0.02)
    said = sweep.communicate(timeout=60)[1]
    assert sweep.returncode == code
    assert "Traceback" not in said
    assert len(list((tmp_path / "begun").iterdir())) == 4
    runs = list((tmp_path / "runs").iterdir())
    assert [path.name for path in runs if path.name.startswith(".")] == []
    assert len(runs) == 1
    if number != signal.SIGKILL:
        assert "labkit: interrupted: 1 of 26 runs were made; the same sweep goes on with the others" in said
