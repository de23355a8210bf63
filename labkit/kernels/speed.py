"""Timing of fixed fan-in against dense, CSR and the paper's gather form; a time covers everything that a call does.

Inputs and outputs are in row-major [batch, features] layout. The competitors alternate on the same threads; each row holds the
median and quartiles of one of them.
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
TURNS = 5  # minimum repeats of each competitor
LIMIT = 512 * 2**20  # largest intermediate of the gather form, bytes; it is left out beyond
EVICT = 96 * 2**20  # bytes of weights that the cold mode cycles through: more than the caches hold
LONG = 0.2  # calls above this many seconds are repeated as little as possible
MOST_COPIES = 400
DIGITS = 3  # significant digits of a ratio

_exclusive = threading.Lock()  # concurrent measurements would disturb each other


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
        Fraction of zeros in [0, 1); every output keeps the same number of connections, at least 1.
    batches : iterable of int
        Batch sizes to measure.
    seconds : float
        Time spent on all competitors for one batch size; each is timed at least five times (three if a call is slow).
    device : {"cpu", "cuda"}
        Where the layer runs.
    progress : callable, optional
        Called with the completed fraction and a short message.

    Returns
    -------
    DataFrame
        One row per batch size and competitor, with columns in, out, sparsity, batch, mode ("inference"), what ("dense", "ours",
        "torch CSR", "gather", "scipy CSR"), median_us, low_us, high_us (microseconds; quartiles), ratio_to_dense (above 1 is faster
        than dense), bytes (values and indices), turns (repeats), threads. The gather form is left out where its intermediate would
        exceed 512 MB, SciPy on a GPU.

    Raises
    ------
    ValueError
        If a number is out of range, or `device` is not available.

    Examples
    --------
    >>> rows = measure(64, 32, 0.9, [1, 8], seconds=0.01)
    >>> list(rows.loc[rows["what"] == "dense", "batch"])
    [1, 8]
    """
    sizes = [_positive_integer("a batch", batch) for batch in dict.fromkeys(batches)]
    inputs, outputs = _positive_integer("inputs", inputs), _positive_integer("outputs", outputs)
    _check(sparsity, sizes, seconds, device)
    rows: list[dict[str, Any]] = []
    report = progress or (lambda done, message: None)
    with _exclusive:
        report(0.0, "building the layer")
        made = problem(inputs, outputs, sparsity, device)
        topology = Topology(made[2], inputs)
        for done, batch in enumerate(sizes):
            first = "" if done else "; kernels are compiled on first use"
            report(done / len(sizes), f"batch {batch} ({done + 1} of {len(sizes)}){first}")
            rows += measure_cell(made, topology, sparsity=sparsity, batch=batch, seconds=seconds, device=device)
    report(1.0, "done")
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
    """Time one batch size of a layer.

    Parameters
    ----------
    made : tuple of Tensor
        As returned by `problem`.
    topology : Topology
        The index of `made`.
    sparsity : float
        Recorded in the rows.
    batch : int
        Number of examples.
    mode : {"inference", "cold", "training"}
        "inference" calls each competitor twice and times the second call; "cold" cycles through so many copies of the weight that
        none is in a cache (see `cold_competitors`); "training" is forward and backward, for "dense" and "ours" only.
    seconds : float
        Time spent on all competitors.
    device : {"cpu", "cuda"}
        Where the tensors of `made` are.

    Returns
    -------
    list of dict
        One row per competitor, with the columns of `measure`.
    """
    dense, values, index = made
    x = torch.randn(batch, dense.shape[1], generator=torch.Generator().manual_seed(1)).to(device)
    if mode == "training":
        taken = time_alternately(training(x, dense, values, topology), device, seconds=seconds)
    else:
        with torch.inference_mode():
            calls = (cold_competitors if mode == "cold" else competitors)(x, dense, values, index)
            taken = time_alternately(calls, device, seconds=seconds, warm=mode != "cold")
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
    """Time the backends among which ``backend="auto"`` selects on the CPU.

    Parameters
    ----------
    inputs, outputs : int
        Shape of the layer.
    sparsity : float
        Fraction of zeros in [0, 1).
    batches : iterable of int
        Batch sizes.
    seconds : float
        Time spent on each batch size.

    Returns
    -------
    dict
        Batch size -> {"cpu", "dense", "kept"} -> seconds (lower quartile, which is least sensitive to other load): `fixed_fan_in`
        with the compiled kernel and with a dense weight built for the call, and F.linear with a cached dense weight.
    """
    whole, values, index = problem(inputs, outputs, sparsity)
    topology, found = Topology(index, inputs), {}
    with _exclusive, torch.inference_mode():
        for batch in batches:
            x = torch.randn(batch, inputs, generator=torch.Generator().manual_seed(1))
            calls: Calls = {
                "cpu": partial(fixed_fan_in, x, values, topology, backend="cpu"),
                "dense": partial(fixed_fan_in, x, values, topology, backend="dense"),
                "kept": partial(F.linear, x, whole),
            }
            found[batch] = {
                name: float(np.percentile(spent, 25)) for name, spent in time_alternately(calls, seconds=seconds).items()
            }
    return found


def problem(inputs: int, outputs: int, sparsity: float, device: str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """Return a random weight with fixed fan-in (seed 0), dense and condensed.

    Parameters
    ----------
    inputs, outputs : int
        Shape of the layer.
    sparsity : float
        Fraction of zeros in [0, 1).
    device : str
        Where the tensors are placed.

    Returns
    -------
    dense : float32 Tensor [outputs, inputs]
        The weight with its zeros.
    values : float32 Tensor [outputs, K]
        Its nonzeros; K = round((1 - sparsity) inputs), at least 1.
    index : int64 Tensor [outputs, K]
        Their columns, ascending in each row.
    """
    generator = torch.Generator().manual_seed(0)
    fan_in = max(1, round(inputs * (1 - sparsity)))
    index = torch.stack([torch.randperm(inputs, generator=generator)[:fan_in].sort().values for _ in range(outputs)])
    values = torch.randn(outputs, fan_in, generator=generator)
    dense = torch.zeros(outputs, inputs).scatter_(1, index, values)
    return dense.to(device), values.to(device), index.to(device)


def competitors(x: Tensor, dense: Tensor, values: Tensor, index: Tensor) -> Calls:
    """Return the competing implementations of one product.

    Parameters
    ----------
    x : Tensor [batch, inputs]
        Input.
    dense, values, index : Tensor
        As returned by `problem`.

    Returns
    -------
    dict
        Name -> function without arguments that returns the contiguous product [batch, outputs].

    References
    ----------
    Lasby et al., Dynamic Sparse Training with Structured Sparsity, ICLR 2024: "gather" is the condensed layer of their code
    (condensed_linear.py), without its bias.
    """
    return {name: form(x, dense, values, index) for name, form in _forms(x, values).items()}


def cold_competitors(x: Tensor, dense: Tensor, values: Tensor, index: Tensor) -> Calls:
    """Return the calls of `competitors` with weights that are not in the caches.

    Each cycles through about 100 MB of copies of its weight, as a network cycles through its layers.

    Parameters
    ----------
    x, dense, values, index : Tensor
        As for `competitors`.

    Returns
    -------
    dict
        Name -> function without arguments.
    """
    calls: Calls = {}
    for name, form in _forms(x, values).items():
        copies = min(MOST_COPIES, -(-EVICT // weight_bytes(name, values, dense)) + 1)
        copy = itertools.cycle([form(x, dense.clone(), values.clone(), index.clone()) for _ in range(copies)])
        calls[name] = lambda copy=copy: next(copy)()  # type: ignore[misc]
    return calls


def _forms(x: Tensor, values: Tensor) -> dict[str, Form]:
    """The implementations that this input allows: name -> function (x, dense, values, index) -> call."""
    found: dict[str, Form] = {"dense": _dense, "ours": _ours, "torch CSR": _torch_csr}
    if x.shape[0] * values.numel() * x.element_size() <= LIMIT:
        found["gather"] = _gather
    found |= {"dense TF32": _tf32} if x.device.type == "cuda" else {"scipy CSR": _scipy_csr}
    return found


def _dense(x: Tensor, dense: Tensor, values: Tensor, index: Tensor) -> Callable[[], object]:
    return lambda: F.linear(x, dense)


def _tf32(x: Tensor, dense: Tensor, values: Tensor, index: Tensor) -> Callable[[], object]:
    """F.linear in TF32 on the tensor cores of a GPU; torch's default, "dense", is full float32."""

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
        warnings.filterwarnings("ignore", "Sparse CSR")  # torch warns that the API is in beta
        csr = dense.to_sparse_csr()
    return lambda: F.linear(x, csr)


def _scipy_csr(x: Tensor, dense: Tensor, values: Tensor, index: Tensor) -> Callable[[], object]:
    matrix, plain = scipy.sparse.csr_matrix(dense.numpy()), x.numpy()
    return lambda: np.ascontiguousarray((matrix @ plain.T).T)


def training(x: Tensor, dense: Tensor, values: Tensor, topology: Topology) -> Calls:
    """Return calls of forward and backward for the "dense" and the "ours" form.

    Parameters
    ----------
    x, dense, values : Tensor
        As for `competitors`.
    topology : Topology
        The index of `values`.

    Returns
    -------
    dict
        Name -> function without arguments that returns the gradients of the input and of the weights.
    """
    x = x.clone().requires_grad_()
    whole, condensed = dense.clone().requires_grad_(), values.clone().requires_grad_()
    gradient = torch.randn(x.shape[0], dense.shape[0], generator=torch.Generator().manual_seed(2)).to(x.device)
    return {
        "dense": lambda: torch.autograd.grad(F.linear(x, whole), (x, whole), gradient),
        "ours": lambda: torch.autograd.grad(fixed_fan_in(x, condensed, topology), (x, condensed), gradient),
    }


def time_alternately(
    calls: Calls, device: str = "cpu", *, seconds: float = 0.8, turns: int = TURNS, warm: bool = True
) -> dict[str, list[float]]:
    """Time several calls alternately.

    The order rotates from round to round. Every call runs once before timing begins.

    Parameters
    ----------
    calls : dict
        Name -> function without arguments.
    device : {"cpu", "cuda"}
        Where they run.
    seconds : float
        Total time, exceeded if needed for `turns` rounds.
    turns : int
        Minimum number of rounds; at most three if one round takes longer than 10 LONG seconds.
    warm : bool
        Repeat each call untimed right before timing it, so that the others do not affect its caches. Calls longer than LONG
        seconds fill the caches themselves and are not repeated.

    Returns
    -------
    dict
        Name -> seconds of every timed call.
    """
    names = list(calls)
    first = {name: time_once(calls[name], device) for name in names}
    turns = min(turns, 3) if sum(first.values()) > 10 * LONG else turns
    taken: dict[str, list[float]] = {name: [] for name in names}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(taken[names[0]]) < turns:
        names = names[1:] + names[:1]
        for name in names:
            if warm and first[name] < LONG:
                calls[name]()
            taken[name].append(time_once(calls[name], device))
    return taken


def time_once(call: Callable[[], object], device: str = "cpu") -> float:
    """Return the seconds that one call takes.

    Parameters
    ----------
    call : callable
        Function without arguments.
    device : {"cpu", "cuda"}
        On a GPU the time is measured by CUDA events.

    Returns
    -------
    float
        Seconds.
    """
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
    """Return the bytes that an implementation stores: values, indices and, for CSR, row pointers.

    Parameters
    ----------
    name : {"dense", "dense TF32", "ours", "gather", "torch CSR", "scipy CSR"}
        A name of `competitors`.
    values : Tensor [outputs, K]
        Nonzeros.
    dense : Tensor [outputs, inputs]
        The weight with its zeros.

    Returns
    -------
    int
        Bytes.
    """
    outputs, inputs = dense.shape
    size, nonzeros = values.element_size(), values.numel()
    narrow = 2 if inputs <= 65_536 else 4
    indices = {
        "dense": (dense.numel() - nonzeros) * size,  # the zeros
        "dense TF32": (dense.numel() - nonzeros) * size,
        "ours": nonzeros * narrow,
        "gather": nonzeros * 8,
        "torch CSR": nonzeros * 8 + (outputs + 1) * 8,
        "scipy CSR": nonzeros * 4 + (outputs + 1) * 4,
    }
    return nonzeros * size + indices[name]


def _positive_integer(name: str, value: int) -> int:
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value}")
    return int(value)


def _check(sparsity: float, sizes: list[int], seconds: float, device: str) -> None:
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must lie in [0, 1), got {sparsity}; 0.9 keeps a tenth of the weights")
    if not sizes:
        raise ValueError("batches must hold at least one batch size, got none; give for example [1, 64]")
    if not seconds > 0:
        raise ValueError(f"seconds must be positive, got {seconds}")
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device must be 'cpu' or 'cuda', got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' needs a GPU that torch can use, and there is none; use device='cpu'")
