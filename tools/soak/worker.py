"""The process that reads mutated inputs: it has torch loaded, a limit of memory, and answers one line for each line it gets.

Asked for: ``{"loader": …, "index": …, "folder": …}``. Answered: ``{"kind", "reason", "message", "trace", "seconds", "megabytes"}``.
"""

import json
import os
import random
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import torch

from tools.soak.loaders import PLACES, find
from tools.soak.verdict import MEMORY, judge

SPARE = 2**28  # libraries that are loaded when first used
TRACE = 6000  # characters that are kept of a traceback


def memory(name: str) -> int:
    """Return a figure of /proc/self/status in bytes, e.g. VmHWM."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])


def prepare(folder: Path) -> None:
    """Write the sound inputs of every loader that lacks them."""
    for loader in map(find, PLACES):
        place = folder / loader.name
        if not place.is_dir():
            half = folder / f".{loader.name}"
            half.mkdir(parents=True, exist_ok=True)
            loader.prepare(half)
            half.rename(place)


def limit() -> None:
    """Allow this process `MEMORY` more than it has."""
    most = memory("VmSize") + MEMORY + SPARE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def tried(read: Callable[[], object]) -> dict[str, Any]:
    """Read one input and judge what came out."""
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory counts from here
    before, began, error, trace = memory("VmRSS"), time.process_time(), None, ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read()
    except BaseException as caught:  # SystemExit and the like are what is looked for
        error = caught
        trace = traceback.format_exc()[-TRACE:] if not isinstance(caught, RecursionError) else repr(caught)
    seconds, peak = time.process_time() - began, memory("VmHWM") - before
    outcome = _judged(error, seconds, peak)
    return {**outcome, "trace": trace if outcome["kind"] == "escaped" else "", "seconds": seconds, "megabytes": peak / 2**20}


def _judged(error: BaseException | None, seconds: float, peak: int) -> dict[str, str]:
    try:
        return vars(judge(error, seconds, peak))
    except BaseException as caught:  # an error whose message fails
        return {"kind": "escaped", "reason": f"{type(error).__name__} whose text fails", "message": type(caught).__name__}


def answer(asked: dict[str, Any], sound: Path, seed: int) -> dict[str, Any]:
    """Write the input that a seed and an index mean, and read it."""
    loader, index, folder = find(asked["loader"]), asked["index"], Path(asked["folder"])
    rng = random.Random(f"{seed} {loader.name} {index}")
    torch.manual_seed(index)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = loader.case(sound / loader.name, folder, rng)
    except Exception:  # a mutation that cannot be written, e.g. a type that a file format lacks
        return {"kind": "unwritten", "reason": "", "message": "", "trace": traceback.format_exc(), "seconds": 0.0, "megabytes": 0.0}
    return tried(read)


def serve(sound: Path, seed: int, answers: TextIO) -> None:
    """Answer line by line; unbuffered, since the next process goes on with the same input."""
    limit()
    print(json.dumps({"pid": os.getpid()}), file=answers, flush=True)
    with open(0, "rb", buffering=0, closefd=False) as asked:
        while line := asked.readline():
            print(json.dumps(answer(json.loads(line), sound, seed)), file=answers, flush=True)


def forked(work: Callable[[], None]) -> int:
    """Run something in a copy of this process; return its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)  # whatever a loader left behind
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Load torch once; every process that reads inputs is a copy of this one, made anew when the last one died."""
    sound, seed, owner = Path(sys.argv[1]), int(sys.argv[2]), os.getppid()
    sound.mkdir(parents=True, exist_ok=True)
    answers: TextIO = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(sound.parent / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for name in PLACES:
        find(name)
    if forked(lambda: prepare(sound)):
        sys.exit("the sound inputs could not be written")
    for name in PLACES:
        find(name).warm()
    while os.getppid() == owner and (code := forked(lambda: serve(sound, seed, answers))):
        print(json.dumps({"died": code}), file=answers, flush=True)


if __name__ == "__main__":
    main()
