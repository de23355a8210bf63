"""The live training of notebook 02, without a browser: its own cells, run here."""

import threading
import time

import pytest


@pytest.fixture(scope="module")
def notebook(cells_of):
    """The names of the notebook after its first three sections."""
    cells = cells_of("02_dynamic_sparse_training")
    with cells.opened() as names:
        yield cells.run(cells.sections(0, 4), names)


def trainings():
    return [thread for thread in threading.enumerate() if thread.name == "labkit-live"]


def test_moving_the_sliders_does_not_pile_up_trainings(notebook):
    latest, gamma = notebook["latest"], notebook["gamma"]
    assert latest.wait(600)
    for index in (0, 3, 6, 2, 8, 5, 1, 7):
        gamma.index = index
        time.sleep(0.1)
    notebook["topology"].value = "rigl"
    assert gamma.disabled
    # those that nobody wants stop long before the wanted one is halfway, however slow the machine is
    while len(trainings()) > 1:
        answer = latest.answer
        assert answer is None or answer.step < notebook["steps"] / 2, "trainings that nobody wants go on"
        time.sleep(0.01)
    assert latest.wait(600)
    assert latest.answer.setting == "rigl, every 25"
    assert latest.answer.step == notebook["steps"]


def test_the_tiles_are_the_masks_of_the_neurons(notebook):
    mask = notebook["latest"].answer.mask.copy()
    mask[9] = False
    tiles = notebook["mosaic"](mask)
    for neuron, (row, column) in {0: (0, 0), 7: (0, 7), 10: (1, 2), 63: (7, 7)}.items():
        tile = tiles[32 * row + 2 : 32 * row + 30, 32 * column + 2 : 32 * column + 30]
        assert ((tile == notebook["LINK"]) == mask[neuron].reshape(28, 28)).all()
    assert (tiles[34:62, 34:62] == notebook["NO_LINKS"]).all()


def test_a_training_is_the_same_every_time(notebook):
    first, second = ([*notebook["learn"](threading.Event(), "srigl", 50, gamma_sal=0.9)] for _ in range(2))
    assert first[-1].right == second[-1].right
    assert (first[-1].mask == second[-1].mask).all()
    assert first[-1].mask.sum() == pytest.approx(first[0].mask.sum(), rel=0.01)  # as many links, up to whole rows
