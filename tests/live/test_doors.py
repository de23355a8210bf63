"""Whatever a network, a method or a setting does, Live answers with figures or with one sentence, and leaves the network alone."""

import copy
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from labkit import audit, data, live
from labkit.compress import METHODS, Method, register
from labkit.layers import add_notes
from labkit.live.prefix import PrefixCache
from tests import zoo

ROWS = 24


@pytest.fixture
def methods():
    before = dict(METHODS)
    yield register
    METHODS.clear()
    METHODS.update(before)


def table(columns=6, rows=ROWS, classes=("no", "yes")):
    x = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    return data.Split(np.arange(rows) % len(classes), classes, x=x)


def split_of(x):
    """A split with inputs like those of an animal, None where a split cannot hold such."""
    classes, labels = ("a", "b", "c"), np.arange(ROWS) % 3
    if not x.is_floating_point() or x.ndim not in (2, 4):
        return None
    random = np.random.default_rng(0)
    if x.ndim == 2:
        return data.Split(labels, classes, x=random.normal(size=(ROWS, x.shape[1])).astype(np.float32))
    return data.Split(labels, classes, images=random.integers(0, 256, (ROWS, *x.shape[1:]), dtype=np.uint8))


ANIMALS = [name for name, animal in zoo.ZOO.items() if split_of(animal.build()[1]) is not None]


def plainly(method, network, split):
    """The refusal of a plain audit, or its figures."""
    try:
        small = METHODS[method](network)
        return "", audit.audit(small, split, reference=network, cost=False).summary
    except (ValueError, TypeError) as error:
        return str(error), None


@pytest.mark.parametrize("name", [name for name in ANIMALS if name != "float64"])  # of which condense compiles a kernel first
@pytest.mark.parametrize("method", ["condense", "low_rank", "quantize"])
def test_live_says_what_a_plain_audit_says_and_leaves_no_trace(name, method):
    network, x = zoo.ZOO[name].build()
    split, state = split_of(x), copy.deepcopy(network.state_dict())
    network.train()
    modes = [module.training for module in network.modules()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refusal, wanted = plainly(method, network, split)
        asked = live.progressive_audit(method, {}, split, first=10, model=network, seconds=0)
        if wanted is None:
            with pytest.raises((ValueError, TypeError)) as caught:
                list(asked)
            assert str(caught.value)[:30] == refusal[:30] or "does not take" in str(caught.value)
            return
        *_, found = asked
    for figure in ("accuracy", "reference_accuracy", "agreement"):
        assert found.audit.summary[figure] == pytest.approx(wanted[figure], abs=1e-9), figure
    assert [module.training for module in network.modules()] == modes
    for key, value in network.state_dict().items():
        assert torch.equal(value, state[key]), key


class Raises(nn.Module):
    """Raises in its forward pass."""

    def __init__(self, error):
        super().__init__()
        self.layer, self.error = nn.Linear(6, 2), error

    def forward(self, x):
        raise self.error


ERRORS = [
    KeyError("mask"),
    AssertionError(),
    AttributeError("no such thing"),
    RuntimeError("mat1 and mat2\nshapes"),
    TypeError("forward() takes"),
    ZeroDivisionError("division by zero"),
    NotImplementedError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_a_forward_pass_raises_is_one_sentence(error):
    with pytest.raises(ValueError, match=r"network does not take this split's examples \(float32 \[1, 6\]\)") as caught:
        list(live.progressive_audit("magnitude", {}, table(), model=Raises(error), seconds=0))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_a_method_raises_is_one_sentence(methods, error):
    def apply(model, **_):
        raise error

    methods(Method("toy", "Toy", "none", apply))
    with pytest.raises((ValueError, TypeError)) as caught:
        list(live.progressive_audit("toy", {}, table(), model=nn.Linear(6, 2), seconds=0))
    assert "\n" not in str(caught.value)


def test_an_output_that_is_no_row_for_each_example_is_one_sentence():
    class Flat(nn.Module):
        def forward(self, x):
            return x.reshape(-1)

    with pytest.raises(ValueError, match="must return a row of logits for each example"):
        list(live.progressive_audit("magnitude", {}, table(), model=nn.Sequential(nn.Linear(6, 2), Flat()), seconds=0))


def test_what_a_method_leaves_out_is_noted():
    def apply(model, **_):
        return add_notes(copy.deepcopy(model), "layer 0 stays dense: it is awkward")

    *_, found = live.progressive_audit(Method("toy", "Toy", "", apply), {}, table(), model=nn.Linear(6, 2), seconds=0)
    assert found.audit.notes.count("layer 0 stays dense: it is awkward") == 1


def test_a_graph_and_several_labels_are_refused_in_a_sentence():
    several = data.Split(np.array([[0, 1], [1, 0]]), ("a", "b"), x=np.zeros((2, 6), np.float32))
    with pytest.raises(TypeError, match=r"has several labels for an example; use labkit\.audit\.audit"):
        live.progressive_audit("condense", {}, several, model=nn.Linear(6, 2))


def test_missing_calibration_inputs_are_said_at_the_call():
    with pytest.raises(ValueError, match="fips needs calibration inputs"):
        live.progressive_audit("fips", {}, table(), model=nn.Linear(6, 2))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_answers_or_says_that_it_has_to_train(method):
    network, x = zoo.ZOO["feed_forward"].build()
    split = split_of(x)
    place = live.Session(network, split, split.inputs())
    settings = {"budget": 0.5} if "budget" in METHODS[method].params else {}
    if METHODS[method].needs == "training":
        with pytest.raises(ValueError, match="has to train"):
            live.progressive_audit(method, settings, split, model=place)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        *_, found = live.progressive_audit(method, settings, split, model=place, seconds=0)
    assert found.exact


class Block(nn.Module):
    """A block that maps one tensor to one tensor."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


class Draws(nn.Module):
    """Draws at random in eval mode too."""

    def forward(self, x):
        return x + torch.randn_like(x)


class Counts(nn.Module):
    """A buffer that changes in eval mode."""

    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen += 1
        return x * self.seen


def test_a_stored_activation_that_the_next_block_overwrites_is_stored_again():
    torch.manual_seed(0)
    reference = nn.Sequential(nn.Linear(6, 6), nn.Hardswish(inplace=True), nn.Linear(6, 2)).eval()
    cache, x = PrefixCache(reference), torch.randn(4, 6)
    with torch.no_grad():
        for factor in (1.0, 2.0, 3.0):
            small = copy.deepcopy(reference)
            small[1] = nn.Sequential(nn.Hardswish(inplace=True), nn.Hardswish(inplace=True))
            small[2].weight.mul_(factor)
            for _ in range(3):
                torch.testing.assert_close(cache.run(small, {"1", "2"}, x.clone(), (0, 4)), small(x))


@pytest.mark.parametrize("middle", [Draws, Counts])
def test_no_short_form_for_what_is_random_or_remembers(middle):
    torch.manual_seed(0)
    network, split = nn.Sequential(Block(nn.Linear(6, 6)), middle(), nn.Linear(6, 2)), table()
    place = live.Session(network, split)
    list(live.progressive_audit("condense", {"sparsity": 0.5, "layers": "2"}, split, model=place, seconds=0))
    known = place.known()
    assert known._prefix.off or not any(known._prefix._agreed.values())


def test_figures_of_halves_are_computed_in_halves():
    torch.manual_seed(0)
    split = table()
    for dtype in (torch.bfloat16, torch.float64):
        network = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2)).to(dtype)
        wanted = audit.audit(METHODS["magnitude"](network), split, reference=network, cost=False).summary
        *_, found = live.progressive_audit("magnitude", {}, split, model=network, seconds=0)
        assert found.audit.summary["accuracy"] == wanted["accuracy"]
        assert found.audit.summary["reference_accuracy"] == wanted["reference_accuracy"]
