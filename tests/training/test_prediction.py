"""Predictions and training of networks as people have them: containers, dtypes, and errors in one sentence."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from labkit import audit
from labkit.cost import cost, latency
from labkit.data import Split
from labkit.training import Batches, fit, predict
from tests.zoo import ZOO

X = np.random.default_rng(0).normal(size=(12, 16)).astype(np.float32)
SPLIT = Split(np.arange(12) % 3, ("a", "b", "c"), x=X)


@pytest.mark.parametrize("name", ["tuple_output", "dict_output"])
def test_the_logits_of_a_network_that_returns_more_are_audited(name):
    network, _ = ZOO[name].build()
    with torch.no_grad():
        expected = network.head(network.body(SPLIT.inputs())).numpy()
    assert np.array_equal(predict(network, SPLIT), expected)
    assert audit.audit(network, SPLIT, seconds=0).summary["accuracy"] == (expected.argmax(1) == SPLIT.labels).mean()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_a_network_is_audited_in_its_own_dtype(dtype):
    network = ZOO["mlp"].build()[0].to(dtype)
    with torch.no_grad():
        expected = network(SPLIT.inputs().to(dtype))
    found = predict(network, SPLIT)
    assert found.dtype == (np.float64 if dtype == torch.float64 else np.float32)
    assert np.array_equal(found, expected.to(torch.float64 if dtype == torch.float64 else torch.float32).numpy())
    result = audit.audit(network, SPLIT, reference=ZOO["mlp"].build()[0], seconds=0.001)  # a reference of another dtype
    assert result.summary["bytes_ratio"] == {2: 0.5, 8: 2.0}[dtype.itemsize]
    assert result.summary["macs_ratio"] == 1


def test_networks_that_cast_or_mix_dtypes_themselves_get_the_inputs_as_they_are():
    network, _ = ZOO["mixed_dtypes"].build()
    with torch.no_grad():
        expected = network(SPLIT.inputs()).numpy()
    assert np.array_equal(predict(network, SPLIT), expected)

    seen = []

    class Casting(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(16, 3).bfloat16()

        def forward(self, x):
            seen.append(x.dtype)
            return self.layer(x.bfloat16())

    network = Casting()
    predict(network, SPLIT)
    assert set(seen) == {torch.float32}


def raising(error):
    class Failing(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(16, 3)

        def forward(self, x):
            raise error

    return Failing()


ERRORS = [
    RuntimeError("first line\nsecond line"),
    IndexError("index 3 is out of range"),
    AssertionError("Input height (28) doesn't match model (224)"),
    AssertionError(),
    TypeError("forward() missing an argument"),
    AttributeError("no attribute 'weight'"),
    KeyError("bert"),
    ValueError("not enough values"),
    NotImplementedError("no kernel"),
    ZeroDivisionError("division by zero"),
    StopIteration(),
]
DOORS = {
    "predict": lambda network: predict(network, SPLIT),
    "audit": lambda network: audit.audit(network, SPLIT),
    "reference": lambda network: audit.audit(ZOO["mlp"].build()[0], SPLIT, reference=network),
    "cost": lambda network: cost(network, torch.zeros(1, 16)),
    "latency": lambda network: latency(network, torch.zeros(1, 16), seconds=0.001),
    "cost of a reference": lambda network: cost(ZOO["mlp"].build()[0], torch.zeros(1, 16), reference=network, seconds=0.001),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_a_forward_raises_is_one_sentence(door, error):
    with pytest.raises(ValueError, match=r"does not take this .*\(float32 \[1, 16\]\): .") as caught:
        DOORS[door](raising(error))
    message = str(caught.value)
    assert message.startswith("the reference " if "reference" in door else "the model ")
    assert "\n" not in message
    assert "second line" not in message
    assert caught.value.__cause__ is error or isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), torch.OutOfMemoryError("no memory")], ids=repr)
def test_interruptions_and_lack_of_memory_pass_through(door, error):
    with pytest.raises(type(error)):
        DOORS[door](raising(error))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x.sum(), r"the model returns shape \[\] for 12 examples; it must return one row of logits for each"),
        (lambda x: x[:5], r"the model returns shape \[5, 16\] for 12 examples"),
        (lambda x: "text", "the model returns str, not a tensor of logits"),
        (lambda x: {"a": x, "b": x}, "returns a dict with a, b, of which none is named logits"),
        (lambda x: x[:, :2], "the model has 2 classes, the split has 3"),
    ],
)
def test_outputs_that_are_no_logits_are_one_sentence(function, words):
    class Odd(nn.Module):
        def forward(self, x):
            return function(x)

    with pytest.raises((ValueError, TypeError), match=words):
        audit.audit(Odd(), SPLIT)


def test_a_network_without_values_or_without_weights_yet_is_one_sentence():
    with pytest.raises(ValueError, match="meta device, without values"):
        predict(nn.Linear(16, 3).to("meta"), SPLIT)
    for door in ("predict", "audit", "cost"):
        with pytest.raises(ValueError, match="layer LazyLinear has no weights before its first call"):
            DOORS[door](nn.Sequential(nn.LazyLinear(3)))


def _steps(network, example, loss=F.cross_entropy):
    batches = Batches(example, torch.arange(len(example)) % 3, 6)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    return fit(network, batches, steps=3, optimizer=optimizer, loss=loss, progress=False)


@pytest.mark.parametrize("name", ["tuple_output", "dict_output"])
@pytest.mark.parametrize("loss", [F.cross_entropy, nn.CrossEntropyLoss()], ids=["function", "module"])
def test_training_takes_networks_that_return_more_than_logits(name, loss):
    class Logits(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, x):
            return self.network.head(self.network.body(x))

    network, twin = ZOO[name].build()[0], Logits(ZOO[name].build()[0])
    assert _steps(network, SPLIT.inputs(), loss).loss == _steps(twin, SPLIT.inputs(), loss).loss
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), twin.parameters(), strict=True))


def test_a_loss_of_ones_own_gets_the_outputs_as_they_are():
    network = ZOO["dict_output"].build()[0]
    found = _steps(network, SPLIT.inputs(), lambda output, _: output["features"].square().mean())
    assert found.loss > 0


def test_training_is_in_the_networks_dtype_and_its_errors_are_one_sentence():
    network = ZOO["float64"].build()[0]
    before = network[0].weight.detach().clone()
    _steps(network, SPLIT.inputs())
    assert network[0].weight.dtype == torch.float64
    assert not torch.equal(network[0].weight, before)
    with pytest.raises(ValueError, match=r"the network does not take this batch \(float32 \[6, 16\]\): KeyError: 'bert'"):
        _steps(raising(KeyError("bert")), SPLIT.inputs())


class Renormalised(nn.Module):
    """Its forward writes to its weights, and keeps what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.last, self.seen = nn.Embedding(10, 4, max_norm=0.5), nn.Linear(4, 2), []

    def forward(self, x):
        self.seen.append(x)
        self.last.weight.data.clamp_(-0.1, 0.1)
        return self.last(self.embedding(x.long().clamp(0, 9)).mean(1))


def test_weights_that_a_forward_writes_to_and_lists_that_it_fills_are_put_back():
    network = Renormalised()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    predict(network, Split(np.array([0, 1] * 10), ("a", "b"), x=np.zeros((20, 3), np.float32)))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.seen == []


def test_complex_outputs_are_refused():
    class Complex(nn.Linear):
        def forward(self, x):
            y = super().forward(x)
            return torch.complex(y, y)

    with pytest.raises(TypeError, match="complex numbers"):
        predict(Complex(3, 2), Split(np.array([0, 1]), ("a", "b"), x=np.zeros((2, 3), np.float32)))


def test_a_quantized_bfloat16_network_runs_in_bfloat16():
    from labkit import compress

    torch.manual_seed(0)
    small = compress.quantize(nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 2)).bfloat16())
    split = Split(np.array([0, 1] * 10), ("a", "b"), x=np.random.default_rng(0).normal(size=(20, 16)).astype(np.float32))
    with torch.no_grad():
        expected = small(split.inputs().bfloat16()).float().numpy()
    np.testing.assert_array_equal(predict(small, split), expected)
