"""How fast fixed fan-in is beside a dense weight, CSR and the paper's gather form; everything that a call does is in its time.

Inputs and outputs are in ordinary [batch, features] layout. Competitors take turns on the same threads; a row is the median of the
turns of one competitor, with its quartiles.
"""

from __future__ import annotations

import itertools
import statistics
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
import torch
from torch import Tensor
from torch.nn import functional as F

from labkit.kernels.op import fixed_fan_in
from labkit.kernels.topology import Topology

Calls = dict[str, Callable[[], object]]
Form = Callable[[Tensor, Tensor, Tensor, Tensor], Callable[[], object]]
MODES = ("inference", "cold", "training")
TURNS = 5  # of each competitor at least, however short the time
LIMIT = 512 * 2**20  # bytes of the gather form's intermediate, beyond which it is left out
EVICT = 96 * 2**20  # bytes of weights that the cold mode goes round: more than the caches hold
LONG = 0.2  # seconds of a call that is not repeated more than needed
MOST_COPIES = 400
DIGITS = 3  # of a ratio

_alone = threading.Lock()  # two measurements at a time would measure each other


def measure(
    inputs: int,
    outputs: int,
    sparsity: float,
    batches: Iterable[int],
    *,
    seconds: float = 0.3,
    device: str = "cpu",
    progress: Callable[[float, str], None] | None = None,
) -> pd.DataFrame:
    """Time one layer's product in every form.

    Parameters
    ----------
    inputs, outputs : int
        Shape of the layer.
    sparsity : float
        Fraction of zeros, 0 <= sparsity < 1; every output keeps the same number of links, at least 1.
    batches : iterable of int
        Numbers of examples to measure with.
    seconds : float
        How long the competitors take turns for one batch size; slow ones have five turns at least.
    device : {"cpu", "cuda"}
    progress : callable, optional
        Called with the fraction that is done and a short message.

    Returns
    -------
    DataFrame, a row a (batch, competitor)
        Columns in, out, sparsity, batch, mode ("inference"), what ("dense", "ours", "torch CSR", "gather", "scipy CSR"),
        median_us, low_us, high_us (microseconds, quartiles), ratio_to_dense (above 1 is faster than dense), bytes (of values and
        indices), turns, threads. The gather form is left out where its intermediate would take over 512 MB; SciPy on a GPU.

    Raises
    ------
    ValueError
        When a number is out of range, or `device` is not there.

    Examples
    --------
    >>> rows = measure(64, 32, 0.9, [1, 8], seconds=0.01)
    >>> list(rows.loc[rows["what"] == "dense", "batch"])
    [1, 8]
    """
    sizes = [_whole("a batch", batch) for batch in dict.fromkeys(batches)]
    inputs, outputs = _whole("inputs", inputs), _whole("outputs", outputs)
    _check(sparsity, sizes, seconds, device)
    rows: list[dict[str, Any]] = []
    say = progress or (lambda done, message: None)
    with _alone:
        say(0.0, "making the layer")
        made = problem(inputs, outputs, sparsity, device)
        topology = Topology(made[2], inputs)
        for turn_of, batch in enumerate(sizes):
            first = "" if turn_of else "; a kernel that is new here is compiled first"
            say(turn_of / len(sizes), f"batch {batch} ({turn_of + 1} of {len(sizes)}){first}")
            rows += measure_cell(made, topology, sparsity=sparsity, batch=batch, seconds=seconds, device=device)
    say(1.0, "done")
    return pd.DataFrame(rows)


def measure_cell(
    made: tuple[Tensor, Tensor, Tensor],
    topology: Topology,
    *,
    sparsity: float,
    batch: int,
    mode: str = "inference",
    seconds: float = 0.3,
    device: str = "cpu",
) -> list[dict[str, Any]]:
    """Time one batch size of a layer, and return a row a competitor.

    Parameters
    ----------
    made : tuple of Tensor
        What `problem` returns, and `topology` its links.
    sparsity : float
        Stands in the rows.
    mode : {"inference", "cold", "training"}
        "inference" calls each twice in its turn and times the second; "cold" goes round so many copies of the weight that none is
        in a cache (see `cold_competitors`); "training" is forward and backward, of "dense" and "ours" alone.
    """
    dense, values, index = made
    x = torch.randn(batch, dense.shape[1], generator=torch.Generator().manual_seed(1)).to(device)
    if mode == "training":
        taken = compete(training(x, dense, values, topology), device, seconds=seconds)
    else:
        with torch.inference_mode():
            calls = (cold_competitors if mode == "cold" else competitors)(x, dense, values, index)
            taken = compete(calls, device, seconds=seconds, warm=mode != "cold")
    cell = {"in": dense.shape[1], "out": dense.shape[0], "sparsity": sparsity, "batch": batch, "mode": mode}
    base, rows = statistics.median(taken["dense"]), []
    for name, spent in taken.items():
        low, middle, high = (round(1e6 * float(quartile), 1) for quartile in np.percentile(spent, (25, 50, 75)))
        ratio = float(f"{base / statistics.median(spent):.{DIGITS}g}")
        times = {"median_us": middle, "low_us": low, "high_us": high, "ratio_to_dense": ratio}
        facts = {"bytes": weight_bytes(name, values, dense), "turns": len(spent), "threads": torch.get_num_threads()}
        rows.append({**cell, "what": name, **times, **facts})
    return rows


def measure_backends(
    inputs: int, outputs: int, sparsity: float, batches: Iterable[int], *, seconds: float
) -> dict[int, dict[str, float]]:
    """Return batch -> way -> seconds (the lower quartile, which a busy machine disturbs least).

    The ways are `fixed_fan_in` by the "cpu" kernel and by way of a "dense" weight, and "kept", F.linear with a dense weight that is
    there already.
    """
    whole, values, index = problem(inputs, outputs, sparsity)
    topology, found = Topology(index, inputs), {}
    with _alone, torch.inference_mode():
        for batch in batches:
            x = torch.randn(batch, inputs, generator=torch.Generator().manual_seed(1))
            calls: Calls = {
                "cpu": partial(fixed_fan_in, x, values, topology, backend="cpu"),
                "dense": partial(fixed_fan_in, x, values, topology, backend="dense"),
                "kept": partial(F.linear, x, whole),
            }
            found[batch] = {name: float(np.percentile(spent, 25)) for name, spent in compete(calls, seconds=seconds).items()}
    return found


def problem(inputs: int, outputs: int, sparsity: float, device: str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """Return a random weight with the same number of links in each row, dense and condensed; always the same one.

    Returns
    -------
    dense : Tensor float32 [outputs, inputs]
    values : Tensor float32 [outputs, K]
    index : Tensor int64 [outputs, K]
        Ascending in each row; K = round((1 - sparsity) inputs), at least 1.
    """
    generator = torch.Generator().manual_seed(0)
    fan_in = max(1, round(inputs * (1 - sparsity)))
    index = torch.stack([torch.randperm(inputs, generator=generator)[:fan_in].sort().values for _ in range(outputs)])
    values = torch.randn(outputs, fan_in, generator=generator)
    dense = torch.zeros(outputs, inputs).scatter_(1, index, values)
    return dense.to(device), values.to(device), index.to(device)


def competitors(x: Tensor, dense: Tensor, values: Tensor, index: Tensor) -> Calls:
    """Return name -> call; every call makes the same product [batch, outputs], contiguous, from `x` [batch, inputs].

    References
    ----------
    Lasby et al., Dynamic Sparse Training with Structured Sparsity, ICLR 2024: "gather" is the condensed layer of their code
    (condensed_linear.py), without its bias.
    """
    return {name: form(x, dense, values, index) for name, form in _forms(x, values).items()}


def cold_competitors(x: Tensor, dense: Tensor, values: Tensor, index: Tensor) -> Calls:
    """Return name -> call as `competitors`, each of which finds its weights outside the caches.

    Each goes round a hundred megabytes of copies of the weight, as a network goes through its layers.
    """
    calls: Calls = {}
    for name, form in _forms(x, values).items():
        copies = min(MOST_COPIES, -(-EVICT // weight_bytes(name, values, dense)) + 1)
        turn_of = itertools.cycle([form(x, dense.clone(), values.clone(), index.clone()) for _ in range(copies)])
        calls[name] = lambda turn_of=turn_of: next(turn_of)()  # type: ignore[misc]
    return calls


def _forms(x: Tensor, values: Tensor) -> dict[str, Form]:
    """The forms that can be measured with this input: name -> function (x, dense, values, index) -> call."""
    found: dict[str, Form] = {"dense": _dense, "ours": _ours, "torch CSR": _torch_csr}
    if x.shape[0] * values.numel() * x.element_size() <= LIMIT:
        found["gather"] = _gather
    found |= {"dense TF32": _tf32} if x.device.type == "cuda" else {"scipy CSR": _scipy_csr}
    return found


def _dense(x: Tensor, dense: Tensor, values: Tensor, index: Tensor) -> Callable[[], object]:
    return lambda: F.linear(x, dense)


def _tf32(x: Tensor, dense: Tensor, values: Tensor, index: Tensor) -> Callable[[], object]:
    """F.linear with the shorter mantissa of a GPU's tensor cores; torch's default, and "dense", is full float32."""

    def call() -> Tensor:
        torch.backends.cuda.matmul.allow_tf32 = True
        try:
            return F.linear(x, dense)
        finally:
            torch.backends.cuda.matmul.allow_tf32 = False

    return call


def _ours(x: Tensor, dense: Tensor, values: Tensor, index: Tensor) -> Callable[[], object]:
    topology = Topology(index, x.shape[1])
    return lambda: fixed_fan_in(x, values, topology)


def _gather(x: Tensor, dense: Tensor, values: Tensor, index: Tensor) -> Callable[[], object]:
    return lambda: (x[:, index] * values).sum(-1)


def _torch_csr(x: Tensor, dense: Tensor, values: Tensor, index: Tensor) -> Callable[[], object]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR")  # torch calls it beta
        csr = dense.to_sparse_csr()
    return lambda: F.linear(x, csr)


def _scipy_csr(x: Tensor, dense: Tensor, values: Tensor, index: Tensor) -> Callable[[], object]:
    matrix, plain = scipy.sparse.csr_matrix(dense.numpy()), x.numpy()
    return lambda: np.ascontiguousarray((matrix @ plain.T).T)


def training(x: Tensor, dense: Tensor, values: Tensor, topology: Topology) -> Calls:
    """Return name -> call of forward and backward, which gives the gradients of the input and of the weights."""
    x = x.clone().requires_grad_()
    whole, condensed = dense.clone().requires_grad_(), values.clone().requires_grad_()
    gradient = torch.randn(x.shape[0], dense.shape[0], generator=torch.Generator().manual_seed(2)).to(x.device)
    return {
        "dense": lambda: torch.autograd.grad(F.linear(x, whole), (x, whole), gradient),
        "ours": lambda: torch.autograd.grad(fixed_fan_in(x, condensed, topology), (x, condensed), gradient),
    }


def compete(
    calls: Calls, device: str = "cpu", *, seconds: float = 0.8, turns: int = TURNS, warm: bool = True
) -> dict[str, list[float]]:
    """Return the seconds of every turn of every call.

    They take turns for so many `seconds`, at least `turns` each, in an order that changes from round to round. Each is called once
    untimed at the beginning, and when `warm` again before every turn: what the others left in the caches is then not its affair.
    Calls of over LONG seconds fill the caches themselves: no extra call for them, and three turns when all of a round take as long.
    """
    names = list(calls)
    first = {name: turn(calls[name], device) for name in names}
    turns = min(turns, 3) if sum(first.values()) > 10 * LONG else turns
    taken: dict[str, list[float]] = {name: [] for name in names}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(taken[names[0]]) < turns:
        names = names[1:] + names[:1]
        for name in names:
            if warm and first[name] < LONG:
                calls[name]()
            taken[name].append(turn(calls[name], device))
    return taken


def turn(call: Callable[[], object], device: str = "cpu") -> float:
    """Return the seconds of one call; on a GPU by its own events."""
    if device == "cpu":
        began = time.perf_counter()
        call()
        return time.perf_counter() - began
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1e3


def weight_bytes(name: str, values: Tensor, dense: Tensor) -> int:
    """Return the bytes that a form keeps: values, indices and, for CSR, where each row begins.

    Parameters
    ----------
    name : {"dense", "ours", "gather", "torch CSR", "scipy CSR"}
    values : Tensor [outputs, K]
    dense : Tensor [outputs, inputs]
    """
    outputs, inputs = dense.shape
    size, links = values.element_size(), values.numel()
    narrow = 2 if inputs <= 65_536 else 4
    indices = {
        "dense": (dense.numel() - links) * size,  # no index, but every zero
        "dense TF32": (dense.numel() - links) * size,
        "ours": links * narrow,
        "gather": links * 8,
        "torch CSR": links * 8 + (outputs + 1) * 8,
        "scipy CSR": links * 4 + (outputs + 1) * 4,
    }
    return links * size + indices[name]


def _whole(name: str, value: int) -> int:
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name} must be a whole number from 1 on, got {value}")
    return int(value)


def _check(sparsity: float, sizes: list[int], seconds: float, device: str) -> None:
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must be from 0 up to, but not, 1, got {sparsity}; 0.9 leaves a tenth of the links")
    if not sizes:
        raise ValueError("batches must name at least one batch size, got none; give for example [1, 64]")
    if not seconds > 0:
        raise ValueError(f"seconds must be above 0, got {seconds}")
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device must be 'cpu' or 'cuda', got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' needs a GPU that torch can reach, and there is none; use device='cpu'")
