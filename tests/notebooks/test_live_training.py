"""The live training of notebook 02, without a browser: its own cells, run here."""

import threading
import time

import numpy as np
import pytest

from labkit import figures


@pytest.fixture(scope="module")
def notebook(cells_of):
    """The names of the notebook after its first three sections."""
    cells = cells_of("02_dynamic_sparse_training")
    with cells.opened() as names:
        yield cells.run(cells.sections(0, 4), names)


def trainings():
    return [thread for thread in threading.enumerate() if thread.name == "labkit-live"]


@pytest.mark.slow
def test_moving_the_sliders_does_not_pile_up_trainings(notebook):
    latest, gamma = notebook["latest"], notebook["gamma"]
    assert latest.wait(600)
    for index in (0, 3, 6, 2, 8, 5, 1, 7):
        gamma.index = index
        time.sleep(0.1)
    notebook["rule"].value = "rigl"
    assert gamma.disabled
    # those that nobody wants stop long before the wanted one is halfway, however slow the machine is
    while len(trainings()) > 1:
        answer = latest.answer
        assert answer is None or answer["step"] < notebook["steps"] / 2, "cancelled trainings continue"
        time.sleep(0.01)
    assert latest.wait(600)
    assert latest.answer["setting"] == "rigl, every 25"
    assert latest.answer["step"] == notebook["steps"]


def test_the_pictures_are_those_of_the_mask(notebook):
    answer, deadline = notebook["latest"].answer, time.monotonic() + 300
    expected = figures.neuron_mosaic(answer["mask"]).data[0].z
    while not np.array_equal(notebook["tiles"].data[0].z, expected):
        assert time.monotonic() < deadline, "the figure does not follow the training"
        time.sleep(0.02)
    np.testing.assert_allclose(notebook["pixels"].data[0].z, figures.input_density(answer["mask"]).data[0].z)


@pytest.mark.slow
def test_a_training_is_the_same_every_time(notebook):
    first, second = ([*notebook["learn"](threading.Event(), "srigl", 50, gamma_sal=0.9)] for _ in range(2))
    assert first[-1]["right"].equals(second[-1]["right"])
    assert (first[-1]["mask"] == second[-1]["mask"]).all()
    assert first[-1]["mask"].sum() == pytest.approx(first[0]["mask"].sum(), rel=0.01)  # as many connections, up to whole rows
