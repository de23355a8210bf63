"""`Reader`: a worker process seen from outside; it is started when needed and killed when it hangs."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tools.soak.verdict import SECONDS

ROOT = Path(__file__).resolve().parents[2]
HANGS = 20  # seconds in which a process that works would have had the processor
LONGEST = 120  # seconds without an answer on a busy machine
START = 600  # seconds until torch is loaded and the sound inputs are written
WASTE = 500  # megabytes
INPUTS = 400  # a worker reads this many, then another begins: what one input leaves in memory is not held against a later one


class Reader:
    """A process that holds torch, and the copy of it that reads inputs."""

    def __init__(self, sound: Path, seed: int) -> None:
        self._command = [sys.executable, "-m", "tools.soak.worker", str(sound), str(seed)]
        self._holder: subprocess.Popen | None = None
        self._pid = self._read = 0

    def ready(self) -> None:
        """Start a worker unless one waits."""
        if self._holder is None:
            more = {
                "OMP_NUM_THREADS": "1",
                "OMP_WAIT_POLICY": "PASSIVE",
                "ARROW_DEFAULT_MEMORY_POOL": "system",
                "PYTHONPATH": str(ROOT),
            }
            self._holder = subprocess.Popen(
                self._command, cwd=ROOT, env={**os.environ, **more}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
            )
        if not self._pid:
            self._pid, self._read = self._line(START)["pid"], 0
        if self._read >= INPUTS:
            self._again()

    def ask(self, loader: str, index: int, folder: Path) -> dict[str, Any]:
        """Return what came out of one input; a worker that died or hung gives an outcome too."""
        self.ready()
        self._read += 1
        assert self._holder is not None
        assert self._holder.stdin is not None
        began = _processor(self._pid)
        self._holder.stdin.write(json.dumps({"loader": loader, "index": index, "folder": str(folder)}).encode() + b"\n")
        self._holder.stdin.flush()
        answer = self._answer(began)
        if answer["kind"] == "escaped" and self._pid and (answer["megabytes"] > WASTE or "alloc" in answer["reason"]):
            self._again()
        return answer

    def _answer(self, began: float) -> dict[str, Any]:
        """The outcome of the input that was asked for; `began`: the worker's processor time before."""
        had, since, until = began, time.monotonic(), time.monotonic() + LONGEST
        while (now := time.monotonic()) < until:
            if (line := self._line(0.5)) is not None:
                if "died" not in line:
                    return line
                self._pid, code = 0, line["died"]
                return _lost(f"the process died ({f'signal {-code}' if code < 0 else f'exit code {code}'})")
            spent = _processor(self._pid)
            had, since = (spent, now) if spent > had else (had, since)
            if spent - began > SECONDS + 5 or now - since > HANGS:
                break
        self._again()
        return _lost(f"no answer after {SECONDS} s" if had - began > SECONDS else "hangs")

    def _again(self) -> None:
        """End the worker; the next one is made at once."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        while "died" not in self._line(START):
            pass
        self._pid = 0

    def _line(self, patience: float) -> dict[str, Any] | None:
        """The next line; None where there is none yet, and an error where there will be none."""
        assert self._holder is not None
        assert self._holder.stdout is not None
        if not select.select([self._holder.stdout], [], [], patience)[0]:
            return None
        line = self._holder.stdout.readline()
        if not line:
            raise RuntimeError("the worker ended; its folder holds worker.log")
        return json.loads(line)

    def stop(self) -> None:
        """End both processes."""
        if self._holder is not None:
            self._holder.kill()  # first, or it would make another
            with contextlib.suppress(ProcessLookupError):
                if self._pid:
                    os.kill(self._pid, signal.SIGKILL)
            self._holder.communicate()
        self._holder, self._pid = None, 0


def _processor(process: int) -> float:
    """Seconds of the processor that a process has had."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _lost(reason: str) -> dict[str, Any]:
    return {"kind": "escaped", "reason": reason, "message": "", "trace": "", "seconds": 0.0, "megabytes": 0.0}
