"""Compressed networks travel: pickle, state dicts, the device meta, tracing and export give the same outputs."""

import copy
import io

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from labkit import compress

WAYS = {
    "condense": lambda net: compress.condense(net, sparsity=0.75),
    "magnitude": lambda net: compress.magnitude(net, budget=0.5),
    "quantize": compress.quantize,
    "weight_only": lambda net: compress.quantize(net, mode="weight_only"),
    "low_rank": lambda net: compress.low_rank(net, budget=0.5),
}


def network(seed=0):
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(512, 64), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(64, 4)).eval()


def inputs(batch=5):
    return torch.randn(batch, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


def through_file(thing, **options):
    file = io.BytesIO()
    torch.save(thing, file)
    file.seek(0)
    return torch.load(file, **options)


def test_torch_save_gives_the_network_back(way):
    small = way(network())
    assert torch.equal(through_file(small, weights_only=False)(inputs()), small(inputs()))


def test_a_saved_state_loads_without_pickled_classes(way):
    small, other = way(network()), way(network())
    for parameter in other.parameters():
        parameter.data.zero_()
    other.load_state_dict(through_file(small.state_dict(), weights_only=True))
    assert torch.equal(other(inputs()), small(inputs()))


def test_the_state_of_another_seed_loads(way):
    small, other = way(network(0)), way(network(1))
    other.load_state_dict(small.state_dict())
    assert torch.equal(other(inputs()), small(inputs()))


def test_a_pattern_of_other_values_is_refused():
    small, other = compress.magnitude(network(0), budget=0.5), compress.magnitude(network(1), budget=0.5)
    mixed = {**small.state_dict(), "4.pattern": other.state_dict()["4.pattern"]}
    with pytest.raises(RuntimeError, match=r"4[.]values has \d+ entries, and 4[.]pattern marks \d+; load both from one file"):
        other.load_state_dict(mixed)


@pytest.mark.parametrize("grad", [True, False])
def test_tracing_keeps_outputs_for_other_batches_and_without_labkit(way, grad):
    small = way(network())
    with torch.set_grad_enabled(grad):
        traced = torch.jit.trace(small, inputs())
    assert "labkit::" not in str(traced.inlined_graph)  # plain operators: the file runs where labkit is not installed
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    torch.testing.assert_close(torch.jit.load(file)(inputs(9)), small(inputs(9)))


def test_export_and_compile_keep_outputs(way):
    small = way(network())
    with torch.no_grad():
        exported = torch.export.export(small, (inputs(),)).module()
        torch.testing.assert_close(exported(inputs()), small(inputs()))
        torch._dynamo.reset()
        torch.testing.assert_close(torch.compile(small, backend="eager")(inputs()), small(inputs()))


def test_on_the_device_meta_it_runs_and_comes_back(way):
    small = way(network())
    ghost = copy.deepcopy(copy.deepcopy(small).to("meta"))
    assert ghost(inputs().to("meta")).shape == (5, 4)
    ghost.to_empty(device="cpu")
    ghost.load_state_dict(small.state_dict())
    assert torch.equal(ghost(inputs()), small(inputs()))
    other = copy.deepcopy(small).to("meta")
    other.load_state_dict(small.state_dict(), assign=True)
    assert torch.equal(other(inputs()), small(inputs()))


def test_indices_that_were_never_loaded_are_found_at_the_call():
    small = compress.condense(nn.Sequential(nn.Linear(16, 8)), sparsity=0.75).to("meta").to_empty(device="cpu")
    small[0].index.fill_(999)
    with pytest.raises(ValueError, match=r"index\[0, 0\] is 999, but columns run from 0 to 15"):
        small(torch.zeros(1, 16))


def test_fake_tensors_pass(way):
    small = way(network())
    mode = FakeTensorMode()
    state = {name: mode.from_tensor(tensor) for name, tensor in small.state_dict(keep_vars=True).items()}
    with mode:
        assert torch.func.functional_call(small, state, (mode.from_tensor(inputs()),)).shape == (5, 4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_networks_run_in_their_own_dtype(way, dtype):
    model = network()
    if way in (WAYS["quantize"], WAYS["weight_only"]) and dtype is torch.float64:
        with pytest.raises(
            TypeError, match=r"must be float32, bfloat16, float16, got torch.float64; convert the model with .float\(\)"
        ):
            way(model.to(dtype))
    else:
        assert way(model.to(dtype))(inputs().to(dtype)).dtype == dtype
    cast = way(network()).to(dtype)(inputs().to(dtype))  # compressed first, cast afterwards
    assert cast.dtype == dtype
    torch.testing.assert_close(cast.float(), way(network())(inputs()), rtol=0.05, atol=0.02)


def test_empty_batches_pass(way):
    assert way(network())(inputs(0)).shape == (0, 4)
