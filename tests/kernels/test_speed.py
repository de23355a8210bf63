"""The timing of fixed fan-in: every competitor computes the same product, and rows record what was measured."""

import time

import numpy as np
import pytest
import scipy.sparse
import torch

from labkit.kernels import Topology
from labkit.kernels.alternately import time_alternately
from labkit.kernels.speed import cold_competitors, competitors, measure, measuring, problem, training, weight_bytes

FORMS = ["dense", "ours", "torch CSR", "gather", "scipy CSR"]


@pytest.fixture
def layer():
    dense, values, index = problem(40, 24, 0.8)
    return dense, values, index, Topology(index, 40)


def test_a_problem_has_fixed_fan_in_and_is_deterministic(layer):
    dense, values, index, _ = layer
    assert values.shape == index.shape == (24, 8)
    assert (dense != 0).sum(1).tolist() == [8] * 24
    torch.testing.assert_close(dense.gather(1, index), values)
    assert torch.equal(dense, problem(40, 24, 0.8)[0])
    assert problem(40, 24, 0.999)[1].shape == (24, 1)


@pytest.mark.parametrize("forms", [competitors, cold_competitors])
@pytest.mark.parametrize("batch", [1, 8, 33])
def test_every_competitor_computes_the_same_product_in_the_same_layout(layer, batch, forms):
    dense, values, index, _ = layer
    x = torch.randn(batch, 40)
    with torch.inference_mode():
        made = {name: call() for name, call in forms(x, dense, values, index).items()}
    assert sorted(made) == sorted(FORMS)
    wanted = x.double() @ dense.double().T
    for name, y in made.items():
        y = torch.as_tensor(y)
        assert y.shape == (batch, 24), name
        assert y.is_contiguous(), name
        torch.testing.assert_close(y.double(), wanted, rtol=1e-4, atol=1e-4, msg=name)


def test_both_training_competitors_compute_the_same_gradients(layer):
    dense, values, index, topology = layer
    calls = training(torch.randn(6, 40), dense, values, topology)
    (to_x, to_dense), (to_x_ours, to_values) = calls["dense"](), calls["ours"]()
    torch.testing.assert_close(to_x_ours, to_x, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(to_values, to_dense.gather(1, index), rtol=1e-4, atol=1e-4)


def test_the_gather_form_is_left_out_above_its_memory_limit(layer):
    dense, values, index, _ = layer
    x = torch.zeros(1).expand(2**29 // (4 * values.numel()) + 1, 40)
    assert "gather" not in competitors(x, dense, values, index)
    assert "gather" in competitors(x[1:], dense, values, index)


def test_bytes_are_those_of_the_tensors(layer):
    dense, values, index, topology = layer
    csr = dense.to_sparse_csr()
    assert weight_bytes("dense", values, dense) == dense.nbytes
    assert weight_bytes("ours", values, dense) == values.nbytes + topology.index.nbytes
    assert weight_bytes("gather", values, dense) == values.nbytes + index.nbytes
    assert weight_bytes("torch CSR", values, dense) == sum(
        part.nbytes for part in (csr.values(), csr.col_indices(), csr.crow_indices())
    )
    matrix = scipy.sparse.csr_matrix(dense.numpy())
    assert weight_bytes("scipy CSR", values, dense) == sum(part.nbytes for part in (matrix.data, matrix.indices, matrix.indptr))
    wide = torch.empty(2, 70_000, device="meta")
    assert weight_bytes("ours", values[:2], wide) == 2 * 8 * (4 + 4)


def test_calls_alternate_and_are_timed_separately():
    order = []

    def call(name, seconds):
        return lambda: (order.append(name), time.sleep(seconds))

    taken = time_alternately({"slow": call("slow", 0.02), "fast": call("fast", 0.001)}, seconds=0.001, turns=4)
    assert {name: len(spent) for name, spent in taken.items()} == {"slow": 4, "fast": 4}
    assert min(taken["slow"]) >= 0.02
    rounds = [order[i : i + 4] for i in range(2, len(order), 4)]
    assert all(turns[0] == turns[1] != turns[2] == turns[3] for turns in rounds)  # an untimed call, then a timed one
    assert rounds[0] != rounds[1]  # the order rotates
    order.clear()
    time_alternately({"slow": call("slow", 0.02), "fast": call("fast", 0.001)}, seconds=0.001, turns=4, warm=False)
    assert all(set(order[i : i + 2]) == {"slow", "fast"} for i in range(0, len(order), 2))


def test_measure_returns_one_row_per_batch_and_competitor():
    reports = []
    rows = measure(64, 32, 0.75, [8, 1, 8], seconds=0.01, progress=lambda done, message: reports.append((done, message)))
    assert list(rows.columns) == [
        *("in", "out", "sparsity", "batch", "mode", "what", "median_us", "low_us", "high_us", "ratio_to_dense"),
        *("bytes", "turns", "threads"),
    ]
    assert {(row.batch, row.what) for row in rows.itertuples()} == {(batch, form) for batch in (1, 8) for form in FORMS}
    assert len(rows) == 10
    assert set(rows[["in", "out", "sparsity", "mode"]].itertuples(index=False, name=None)) == {(64, 32, 0.75, "inference")}
    assert (rows["low_us"] <= rows["median_us"]).all()
    assert (rows["median_us"] <= rows["high_us"]).all()
    assert (rows["turns"] >= 5).all()
    assert set(rows["threads"]) == {torch.get_num_threads()}
    assert rows.loc[rows["what"] == "ours", "bytes"].tolist() == [32 * 16 * (4 + 2)] * 2
    dense = rows["batch"].map(rows[rows["what"] == "dense"].set_index("batch")["median_us"])
    # times are rounded to 0.1 microseconds, ratios to three significant digits
    bound = 0.005 + 0.05 / dense + 0.05 / rows["median_us"]
    assert (np.abs(rows["ratio_to_dense"] / (dense / rows["median_us"]) - 1) <= bound).all()
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert reports[0][0] == 0
    assert reports[-1][0] == 1


def test_an_interrupted_measurement_releases_the_lock():
    def stop(done, message):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(16, 16, 0.5, [1], progress=stop)
    assert len(measure(16, 16, 0.5, [1], seconds=0.001)) == 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"inputs": 0}, "inputs must be an integer of at least 1, got 0"),
        ({"outputs": 2.5}, "outputs must be an integer of at least 1, got 2.5"),
        ({"sparsity": 1}, "sparsity must lie in .* got 1"),
        ({"sparsity": -0.1}, "sparsity must lie in .* got -0.1"),
        ({"sparsity": float("nan")}, "sparsity must lie in .* got nan"),
        ({"batches": []}, "at least one batch size, got none"),
        ({"batches": [1, 0]}, "a batch must be an integer of at least 1, got 0"),
        ({"seconds": 0}, "seconds must be positive, got 0"),
        ({"device": "tpu"}, "device must be 'cpu' or 'cuda', got 'tpu'"),
    ],
)
def test_invalid_numbers_raise(given, message):
    with pytest.raises(ValueError, match=message):
        measure(**{"inputs": 16, "outputs": 16, "sparsity": 0.5, "batches": [1], **given})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_raises():
    with pytest.raises(ValueError, match="'cuda' needs a GPU"):
        measure(16, 16, 0.5, [1], device="cuda")


def test_a_measurement_can_be_left_at_any_step_and_another_one_begun():
    steps = measuring(64, 32, 0.75, [1, 8, 64], seconds=0.01)
    found = [next(steps) for _ in range(2)]
    assert [(step.done, step.total, len(step.rows)) for step in found] == [(0, 3, 0), (1, 3, 5)]
    assert "batch 8 (2 of 3)" in found[1].doing
    assert not torch.is_inference_mode_enabled()
    other = measure(16, 16, 0.5, [1], seconds=0.001)  # it would wait for ever for a lock that the first one holds
    assert len(other) == 5
    rest = list(steps)
    assert [step.done for step in rest if step.done == int(step.done)] == [2, 3]
    assert list(rest[-1].rows["batch"].unique()) == [1, 8, 64]


def test_a_long_batch_size_tells_how_far_it_is():
    steps = list(measuring(2048, 2048, 0.75, [64], seconds=2))
    assert any(0 < step.done < 1 for step in steps)
    assert [step.done for step in steps] == sorted(step.done for step in steps)


def test_measuring_refuses_before_anything_is_measured():
    with pytest.raises(ValueError, match="at least one batch size"):
        measuring(16, 16, 0.5, [])
