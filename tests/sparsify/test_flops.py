"""Operations of a sparse training against the formulas of Evci et al. 2020, written out by hand."""

import pytest

from labkit.sparsify import Schedule, training_flops
from labkit.sparsify.rules.rigl import RigL
from labkit.sparsify.rules.set_evolution import SET

MACS, SIZES, WHOLE = {"a": 1000, "b": 600}, {"a": 100, "b": 60}, 1700  # 100 are of layers that are never sparse
SCHEDULE = Schedule(total_steps=40, every=10, until=0.75)  # changes at 10 and 20


def history(counts):
    """Connections of a and b after each update."""
    steps = (0, 10, 20, 40)
    return [
        {"step": step, "layer": name, "nonzeros": count} for step, both in zip(steps, counts, strict=True) for name, count in both
    ]


def both(a, b):
    return [("a", a), ("b", b)]


def test_set_takes_three_sparse_passes_a_step():
    found = training_flops(history([both(10, 6)] * 4), MACS, SIZES, whole=WHOLE, rule=SET(), schedule=SCHEDULE)
    sparse = 100 + 100 + 60
    assert found.inference == 2 * sparse
    assert found.training == 2 * 3 * sparse * 40
    assert found.dense_training == 2 * 3 * WHOLE * 40


def test_rigl_takes_a_dense_gradient_before_each_change():
    found = training_flops(history([both(10, 6)] * 4), MACS, SIZES, whole=WHOLE, rule=RigL(), schedule=SCHEDULE)
    sparse = 100 + 100 + 60
    assert found.training == 2 * (38 * 3 * sparse + 2 * (2 * sparse + WHOLE))


def test_connections_count_while_they_exist():
    counts = [both(100, 60), both(50, 30), both(10, 6), both(10, 6)]
    found = training_flops(history(counts), MACS, SIZES, whole=WHOLE, rule=SET(), schedule=SCHEDULE)
    assert found.training == pytest.approx(2 * 3 * (10 * WHOLE + 10 * (100 + 500 + 300) + 20 * (100 + 100 + 60)))
    assert found.inference == 2 * (100 + 100 + 60)
