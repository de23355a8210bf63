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
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
import torch
from torch import Tensor
from torch.nn import functional as F

from labkit.kernels.alternately import Calls, time_alternately, time_rounds
from labkit.kernels.op import fixed_fan_in
from labkit.kernels.topology import Topology

Form = Callable[[Tensor, Tensor, Tensor, Tensor], Callable[[], object]]
MODES = ("inference", "cold", "training")
LIMIT = 512 * 2**20  # largest intermediate of the gather form, bytes; it is left out beyond
EVICT = 96 * 2**20  # bytes of weights that the cold mode cycles through: more than the caches hold
MOST_COPIES = 400
DIGITS = 3  # significant digits of a ratio
TOLD = 0.5  # least seconds between two reports within a batch size: who reads them shares the processor

_exclusive = threading.Lock()  # concurrent measurements would disturb each other; held for one round, so that any can be left


@dataclass(frozen=True, eq=False)
class Measuring:
    """How far a measurement is.

    Attributes
    ----------
    done : float
        Batch sizes that are measured; the one under way counts by its share.
    total : int
        Batch sizes in all.
    doing : str
        What is measured now.
    rows : DataFrame
        Of the batch sizes that are measured, as `measure` returns them.
    """

    done: float
    total: int
    doing: str
    rows: pd.DataFrame


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
    report = progress or (lambda done, message: None)
    steps = measuring(inputs, outputs, sparsity, batches, seconds=seconds, device=device)
    report(0.0, "building the layer; kernels are compiled on first use")
    for step in steps:
        report(step.done / step.total, step.doing)
    return step.rows


def measuring(
    inputs: int, outputs: int, sparsity: float, batches: Iterable[int], *, seconds: float = 0.3, device: str = "cpu"
) -> Iterator[Measuring]:
    """Do what `measure` does, step by step; whoever reads no further leaves the rest unmeasured.

    Parameters
    ----------
    inputs, outputs, sparsity, batches, seconds, device
        As for `measure`.

    Returns
    -------
    iterator of Measuring
        The first comes when the layer is built and its kernels are compiled, the last has all rows.

    Raises
    ------
    ValueError
        If a number is out of range, or `device` is not available.

    Examples
    --------
    >>> [step.done for step in measuring(64, 32, 0.9, [1, 8], seconds=0.01) if step.done in (0, 1, 2)]
    [0, 1, 2]
    """
    sizes = [_positive_integer("a batch", batch) for batch in dict.fromkeys(batches)]
    inputs, outputs = _positive_integer("inputs", inputs), _positive_integer("outputs", outputs)
    _check(sparsity, sizes, seconds, device)
    return _measuring(inputs, outputs, sparsity, sizes, seconds, device)


def _measuring(inputs: int, outputs: int, sparsity: float, sizes: list[int], seconds: float, device: str) -> Iterator[Measuring]:
    made = problem(inputs, outputs, sparsity, device)
    topology, total = Topology(made[2], inputs), len(sizes)
    with _alone(torch.inference_mode):
        for batch in sizes:
            fixed_fan_in(torch.zeros(batch, inputs, device=device), made[1], topology)  # compiles what is not yet
    rows: list[dict[str, Any]] = []
    for done, batch in enumerate(sizes):
        doing, told = f"batch {batch} ({done + 1} of {total})", time.monotonic()
        yield Measuring(done, total, doing, pd.DataFrame(rows))
        for share, found in _cell(made, topology, sparsity=sparsity, batch=batch, seconds=seconds, device=device):  # noqa: B007
            if share < 1 and time.monotonic() - told > TOLD:
                yield Measuring(done + share, total, doing, pd.DataFrame(rows))
                told = time.monotonic()
        rows += found
    yield Measuring(total, total, "done", pd.DataFrame(rows))


@contextmanager
def _alone(mode: Callable[[], AbstractContextManager[object]]) -> Iterator[None]:
    """Exclude other measurements, in a mode of torch."""
    with _exclusive, mode():
        yield


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
    rows: list[dict[str, Any]] = []
    steps = _cell(made, topology, sparsity=sparsity, batch=batch, mode=mode, seconds=seconds, device=device)
    for _, rows in steps:  # noqa: B007 - the last ones count
        pass
    return rows


def _cell(
    made: tuple[Tensor, Tensor, Tensor],
    topology: Topology,
    *,
    sparsity: float,
    batch: int,
    mode: str = "inference",
    seconds: float,
    device: str,
) -> Iterator[tuple[float, list[dict[str, Any]]]]:
    """Time one batch size round by round: the share that is done, and at the end the rows."""
    dense, values, index = made
    x = torch.randn(batch, dense.shape[1], generator=torch.Generator().manual_seed(1)).to(device)
    within = nullcontext if mode == "training" else torch.inference_mode
    with _alone(within):
        if mode == "training":
            calls = training(x, dense, values, topology)
        else:
            calls = (cold_competitors if mode == "cold" else competitors)(x, dense, values, index)
    taken: dict[str, list[float]] = {}
    rounds = time_rounds(calls, device, seconds=seconds, warm=mode != "cold", around=partial(_alone, within))
    for share, taken in rounds:  # noqa: B007 - the last ones count
        yield min(share, 0.99), []
    cell = {"in": dense.shape[1], "out": dense.shape[0], "sparsity": sparsity, "batch": batch, "mode": mode}
    base, rows = statistics.median(taken["dense"]), []
    for name, spent in taken.items():
        low, middle, high = (round(1e6 * float(quartile), 1) for quartile in np.percentile(spent, (25, 50, 75)))
        ratio = float(f"{base / statistics.median(spent):.{DIGITS}g}")
        times = {"median_us": middle, "low_us": low, "high_us": high, "ratio_to_dense": ratio}
        facts = {"bytes": weight_bytes(name, values, dense), "turns": len(spent), "threads": torch.get_num_threads()}
        rows.append({**cell, "what": name, **times, **facts})
    yield 1.0, rows


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
