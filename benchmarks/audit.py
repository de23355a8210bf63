"""Latency of audits: a full audit of each reference model, saving and loading a run, the first answers of a live slider."""

import tempfile
import time

from measure import budget, timing_rows, write

from labkit import audit, compress, data, live, models, runs

ROUNDS = 3


def seconds(action) -> float:
    """Wall time of one call, in seconds."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def audit_times(name: str) -> dict[str, float]:
    """Time the audit of one compressed model, and saving and loading it as a run."""
    model, split = models.load(name), data.load(models.get_recipe(name).data).test
    small = compress.quantize(model) if name == "mlp_adult" else compress.condense(model, sparsity=0.7, layers="inner")
    found = []
    times = {f"{name}: full audit with reference": seconds(lambda: found.append(audit.audit(small, split, reference=model)))}
    with tempfile.TemporaryDirectory() as folder:
        store, kept = runs.Store(folder), []
        config = {"method": "condense", "parameters": {"round": 0}}
        times[f"{name}: save a run"] = seconds(lambda: kept.append(store.save(small, audit=found[0], config=config)))
        times[f"{name}: load a run"] = seconds(lambda: store.load(kept[0].id))
    return times


def slider_steps(method: str) -> list[float]:
    """Values of the slider of a method."""
    return compress.METHODS[method].params[live.slider_of(method)].grid()


def answer_times(name: str, method: str, value: float) -> dict[str, float]:
    """Time the first and the exact answer to a slider move, off the audited grid and on it."""
    split, slider = data.load("fashion_mnist").test, live.slider_of(method)
    place = live.session(name, split)
    place.whole_reference()  # as the page does before the first move
    times = {}

    def ask(parameters: dict, label: str, **options) -> None:
        began, first = time.perf_counter(), None
        for step in live.progressive_audit(method, parameters, split, model=place, **options):
            first = first or time.perf_counter() - began
            times[f"{name} {method}: first answer {label} ({step.source})"] = first
        times[f"{name} {method}: exact answer {label}"] = time.perf_counter() - began

    ask({slider: value, "layers": "inner"}, "off the grid", use_grid=False)
    step = slider_steps(method)[3]  # a new setting, so that the answer comes from the grid rather than from the cache
    ask({slider: step, "layers": "inner"}, "on the grid")
    live.forget()
    return times


def main() -> None:
    """Repeat all measurements alternately and write medians and ranges."""
    until = budget(__doc__)
    tasks = [lambda n=name: audit_times(n) for name in ("mlp_adult", "resnet_fashion", "vit_fashion")]
    tasks += [
        lambda n=name, m=method, v=value: answer_times(n, m, v)
        for name in ("resnet_fashion", "vit_fashion")
        for method, value in (("condense", 0.7), ("low_rank", 0.5))
    ]
    found: dict[str, list[float]] = {}
    left_out = []
    for turn in range(ROUNDS):
        for number, task in enumerate(tasks):
            if time.monotonic() > until:
                left_out.append(f"round {turn + 1} of task {number + 1}")
                continue
            for what, value in task().items():
                found.setdefault(what, []).append(value)
    write("audit", timing_rows(found), left_out)


if __name__ == "__main__":
    main()
