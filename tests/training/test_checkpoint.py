"""Resuming is bit-exact, also after kill -9; writes are atomic; damaged and foreign checkpoints raise."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from labkit.training import Batches, Callback, checkpoint, fit

SCRIPT = Path(__file__).parent / "run_training.py"


def start(folder, steps, pause=0, wait_at=10_000, save_every=0.0, stdout=subprocess.DEVNULL):
    folder.mkdir(exist_ok=True)
    command = [sys.executable, SCRIPT, folder, str(steps), str(pause), str(wait_at), str(save_every)]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_resume_after_kill_9_is_bit_exact(tmp_path):
    whole = start(tmp_path / "whole", 60)
    killed = tmp_path / "killed"
    kills = []
    for _ in range(2):  # kill twice, at different steps
        before = step_in(killed / "run.pt")
        process = start(killed, 60, pause=0.05, wait_at=before + 20)  # cannot finish before it is killed
        deadline = time.monotonic() + 500
        while step_in(killed / "run.pt") < before + 7:
            assert time.monotonic() < deadline
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        kills.append(step_in(killed / "run.pt"))
    assert 7 <= kills[0] < kills[1] < 60
    (tmp_path / "tampered").mkdir()
    state = torch.load(killed / "run.pt")
    state["random"]["torch"] = torch.Generator().manual_seed(99).get_state()
    torch.save(state, tmp_path / "tampered" / "run.pt")
    last = [start(killed, 60), start(tmp_path / "tampered", 60)]
    assert [process.wait() for process in [whole, *last]] == [0, 0, 0]
    a, b, c = (torch.load(tmp_path / name / "done.pt") for name in ("whole", "killed", "tampered"))
    assert a["loss"] == b["loss"]
    for name, value in a["model"].items():
        assert torch.equal(value, b["model"][name]), name
    assert not torch.equal(a["model"]["1.weight"], c["model"]["1.weight"])  # so a lost random state would be detected


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_a_signal_saves_the_step_and_resuming_is_bit_exact(tmp_path, number):
    whole = start(tmp_path / "whole", 40)
    stopped = start(tmp_path / "stopped", 40, pause=0.05, save_every=1e9, stdout=subprocess.PIPE)
    while int(stopped.stdout.readline()) < 12:
        assert not (tmp_path / "stopped" / "run.pt").exists()
    stopped.send_signal(number)
    last, said = stopped.communicate(timeout=60)
    assert stopped.returncode == -number
    step = step_in(tmp_path / "stopped" / "run.pt")
    assert 12 <= step < 40
    assert step == int((["12", *last.split()])[-1])
    assert f"step {step} of 40 is saved in" in said
    assert not (tmp_path / "stopped" / "done.pt").exists()
    resumed = start(tmp_path / "stopped", 40)
    assert [process.wait() for process in (whole, resumed)] == [0, 0]
    a, b = (torch.load(tmp_path / name / "done.pt") for name in ("whole", "stopped"))
    assert a["loss"] == b["loss"]
    for name, value in a["model"].items():
        assert torch.equal(value, b["model"][name]), name


class Sends(Callback):
    """Sends this process signals after a step, as a terminal does."""

    def __init__(self, number, step, times=1):
        self.number, self.at, self.times = number, step, times

    def stepped(self, loop):
        for _ in range(self.times if loop.step == self.at else 0):
            os.kill(os.getpid(), self.number)


@pytest.fixture
def heeded():
    """Python's handler of Ctrl-C: a shell that runs the tests in the background lets them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_is_obeyed_at_the_end_of_the_step(tmp_path, heeded):
    path, before = tmp_path / "c.pt", signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match=r"step 2 of 6 is saved in .*c\.pt; the same training goes on from there"):
        tiny(6, checkpoint=path, callbacks=[Sends(signal.SIGINT, 2)])
    assert signal.getsignal(signal.SIGINT) is before
    assert step_in(path) == 2
    assert torch.equal(tiny(6, checkpoint=path, callbacks=[Callback()]).model.weight, tiny(6).model.weight)
    assert step_in(path) == 6
    with pytest.raises(KeyboardInterrupt):  # the last step: nothing is trained again
        tiny(6, checkpoint=tmp_path / "last.pt", callbacks=[Sends(signal.SIGINT, 6)])
    assert step_in(tmp_path / "last.pt") == 6
    for times, where in ((2, tmp_path / "twice.pt"), (1, None)):  # asked twice, or with nothing to save: at once
        with pytest.raises(KeyboardInterrupt) as caught:
            tiny(6, checkpoint=where, callbacks=[Sends(signal.SIGINT, 2, times)])
        assert not str(caught.value)
    assert not (tmp_path / "twice.pt").exists()


def test_an_ignored_signal_stays_ignored(tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert tiny(6, checkpoint=tmp_path / "c.pt", callbacks=[Sends(signal.SIGINT, 2)]).step == 6
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def step_in(path):
    return checkpoint.load(path)["step"] if path.exists() else 0


def tiny(steps=3, **options):
    torch.manual_seed(0)
    model = nn.Linear(4, 2)
    batches = Batches(torch.rand(8, 4), torch.arange(8) % 2, options.pop("batch_size", 4))
    return fit(model, batches, steps=steps, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), progress=False, **options)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:300]), "damaged"),
        (lambda p: p.write_bytes(b""), "damaged"),
        (lambda p: torch.save({"x": 1}, p), "not a labkit checkpoint"),
        (lambda p: torch.save({**torch.load(p), "format": 99}, p), "update labkit"),
        (lambda p: torch.save({**torch.load(p), "model": nn.Linear(4, 3).state_dict()}, p), "another architecture"),
    ],
)
def test_damaged_checkpoints_raise_with_one_sentence(tmp_path, damage, words):
    path = tmp_path / "c.pt"
    tiny(checkpoint=path)
    damage(path)
    with pytest.raises(ValueError, match=words) as caught:
        tiny(checkpoint=path)
    assert "c.pt" in str(caught.value)


def test_checkpoint_of_another_run_raises(tmp_path):
    tiny(checkpoint=tmp_path / "c.pt")
    with pytest.raises(ValueError, match="batch_size=4, this run has 2"):
        tiny(checkpoint=tmp_path / "c.pt", batch_size=2)
    with pytest.raises(ValueError, match="steps=3, this run has 5"):
        tiny(5, checkpoint=tmp_path / "c.pt")


def test_pickled_code_is_not_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path(tmp_path / "ran").touch, ())

    torch.save({"format": 1, "model": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="damaged or not a checkpoint"):
        checkpoint.load(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_full_disk_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "c.pt"
    checkpoint.save(path, {"step": 1})
    before = path.read_bytes()
    code = f"""
import resource, signal, torch
from labkit.training import checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # limits the file size, as a full disk would
try:
    checkpoint.save({str(path)!r}, {{"step": 2, "x": torch.zeros(100_000)}})
except OSError as error:
    print("OSError:", error)
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "OSError: cannot write" in output
    assert "c.pt" in output
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
