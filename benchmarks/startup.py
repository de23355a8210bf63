"""Start-up times: importing labkit, ``labkit --help``, loading data and models, a pass over the test data."""

import subprocess
import sys
import time

from measure import budget, timing_rows, write

ROUNDS = 3
FRESH = {  # seconds of a whole process; the first row is an empty interpreter
    "python -c pass": ["-c", "pass"],
    "import labkit": ["-c", "import labkit"],
    "labkit --help": ["-m", "labkit", "--help"],
    "labkit data list": ["-m", "labkit", "data", "list"],
}
INSIDE = {  # seconds of a statement, after its imports
    "data.load('fashion_mnist')": ("from labkit import data", "data.load('fashion_mnist')"),
    "data.load('adult')": ("from labkit import data", "data.load('adult')"),
    "models.load('vit_fashion')": ("from labkit import models; models.get_recipe('vit_fashion')", "models.load('vit_fashion')"),
    **{
        f"{name} on its test part": (
            f"from labkit import data, models; from labkit.training import predict; m = models.load({name!r}); "
            f"s = data.load(models.get_recipe({name!r}).data).test; predict(m, s.subset(slice(0, 250)))",
            "predict(m, s)",
        )
        for name in ("mlp_mnist", "lenet_mnist", "resnet_fashion", "vit_fashion", "mlp_adult")
    },
}


def fresh(arguments: list[str]) -> float:
    """Wall time of a new process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def inside(setup: str, statement: str) -> float:
    """Wall time of a statement in a new process, after its set-up."""
    code = f"{setup}\nimport time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Repeat all measurements alternately and write medians and ranges."""
    until = budget(__doc__)
    work = {name: (fresh, (arguments,)) for name, arguments in FRESH.items()}
    work |= {name: (inside, pair) for name, pair in INSIDE.items()}
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, (measure, arguments) in work.items():
            if time.monotonic() < until:
                seconds[name].append(measure(*arguments))
    rows = timing_rows(seconds)
    write("startup", rows, [f"{name}: {ROUNDS - len(s)} repeats" for name, s in seconds.items() if len(s) < ROUNDS])


if __name__ == "__main__":
    main()
