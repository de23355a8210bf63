"""Every method on every awkward network: what belonged to the input stays, and the output is that of the dense equivalent."""

import copy
import json
import re

import pytest
import torch
from torch import nn

from labkit import compress
from labkit.layers import copied, customised, describe_layers, notes_of, replace_layer
from labkit.models import rebuild, source_of
from labkit.runs.weights import load_state, save_state
from tests.zoo import ZOO

METHODS = {
    "condense": lambda net: compress.condense(net, sparsity=0.75),
    "low_rank": lambda net: compress.low_rank(net, budget=0.6),
    "magnitude": lambda net: compress.magnitude(net, budget=0.5),
    "quantize": lambda net: compress.quantize(net, mode="weight_only"),
}
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 0.1}
ROUNDED = ("mixed_dtypes", "orthogonal")  # bfloat16 inside; large outputs, which torchao scales after the product
# what is left out, by network; the note must say so
LEFT_OUT = {
    "tied_embedding": "layer head stays dense: its weight is tied to Embedding embed",
    "patched_forward": "layer 0 stays dense: its forward was replaced on the instance",
    "lora": r"2 layers stay dense \(0.base, 2.base\): LoRA reads its weight without calling it",
    "multihead_attention": r"layer attention.out_proj stays dense: nn.MultiheadAttention reads its weight",
    "learned_query": r"layer attention.out_proj stays dense: nn.MultiheadAttention reads its weight",
    "masked_transformer": r"2 layers stay dense \(encoder.layers.0.self_attn.out_proj, .*MultiheadAttention",
    "lstm": r"1 LSTM stays dense \(recurrent; 93 % of the parameters\): only Linear",
    "keywords": "layer head stays dense: Keywords calls it with a keyword argument",
    "gru_cell": "1 GRUCell stays dense",
    "beit": "layer attention.qkv stays dense: BeitAttention reads its weight without calling it",
    "own_forward": r"2 layers stay dense \(0, 1\): Activated computes something else than nn.Linear",
    "weight_norm": "the weight of 0 was computed by WeightNorm; it is now fixed",
    "spectral_norm": "the weight of 0 was computed by SpectralNorm; it is now fixed",
    "orthogonal": "the weight of 0 was computed by Orthogonal; it is now fixed",
    "own_parametrization": "the weight of 0 was computed by Symmetric; it is now fixed",
    "hook_weight_norm": "the weight of 0 was computed by WeightNorm; it is now fixed",
    "hook_spectral_norm": "the weight of 0 was computed by SpectralNorm; it is now fixed",
    "pruned": "the weight of 0 was computed by L1Unstructured; it is now fixed",
    "pruned_after_forward": "the weight of 0 was computed by L1Unstructured; it is now fixed",
    "conv3d": "1 ConvTranspose2d stays dense",
}
CASES = [(animal, method) for animal in ZOO for method in METHODS if animal != "parameters_only"]


def logits(output):
    if isinstance(output, dict):
        return output["logits"]
    return output[0] if isinstance(output, tuple) else output


def state(net):
    """Everything of a network that compressing it must not change."""
    return {
        "tensors": {name: tensor.detach().clone() for name, tensor in net.state_dict().items()},
        "modes": [module.training for module in net.modules()],
        "flags": {name: parameter.requires_grad for name, parameter in net.named_parameters()},
        "kinds": [type(module) for module in net.modules()],
        "attributes": [sorted(vars(module)) for module in net.modules()],
        "hooks": customised(net),
    }


def assert_same(before, after):
    tensors, others = before.pop("tensors"), after.pop("tensors")
    assert before == after
    assert tensors.keys() == others.keys()
    assert all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())


def dense_equivalent(net, small):
    """The network with the weights that the new layers stand for, in dense layers."""
    dense = copied(net)
    made = {}
    for path, entry in describe_layers(small).items():
        if "same_as" not in entry:
            made[path] = small.get_submodule(path).to_dense()
        replace_layer(dense, path, made[entry.get("same_as", path)])
    return dense.eval()


@pytest.mark.parametrize(("animal", "method"), CASES)
def test_compressed(animal, method, tmp_path):
    if (animal, method) == ("float64", "quantize"):
        pytest.skip("torchao quantizes no float64; refused in a sentence")
    net, x = ZOO[animal].build()
    before, noise = state(net), torch.random.get_rng_state()
    small = METHODS[method](net)
    assert torch.equal(torch.random.get_rng_state(), noise)
    after = state(net)
    if animal in LEFT_OUT and (animal, method) not in {("conv3d", "magnitude"), ("conv3d", "quantize")}:
        assert re.search(LEFT_OUT[animal], "\n".join(notes_of(small))), notes_of(small)
    assert_same(before, after)

    changed = describe_layers(small)
    assert changed
    dense = dense_equivalent(net, small)
    with torch.no_grad():
        wanted, got = logits(dense(x)), logits(small(x))
    tolerance = 0.01 if animal in ROUNDED else TOLERANCE[wanted.dtype]
    torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance)
    again = copied(small)
    again.load_state_dict(small.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(logits(again(x)), got, rtol=1e-6, atol=1e-6)

    # stored without pickle, and loaded with the original
    save_state(small, tmp_path / "m.safetensors")
    loaded = rebuild(json.loads(json.dumps(source_of(small))), base=net)
    load_state(loaded, tmp_path / "m.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(logits(loaded(x)), got, rtol=1e-6, atol=1e-6)
    assert notes_of(loaded) == notes_of(small)
    assert_same(state(net), after | {"tensors": state(net)["tensors"]})


@pytest.mark.parametrize(("animal", "method"), [case for case in CASES if case[1] != "quantize"])
def test_gradients_reach_what_was_trained_and_nothing_that_was_frozen(animal, method):
    net, x = ZOO[animal].build()
    small = METHODS[method](net)
    trained = {name.rpartition(".")[0] for name, parameter in net.named_parameters() if parameter.requires_grad}
    logits(small(x)).float().square().sum().backward()
    for path in describe_layers(small):
        layer = small.get_submodule(path)
        if path in trained and "mlp" not in path:
            assert any(p.grad is not None for p in layer.parameters()), path
    frozen = {name for name, parameter in small.named_parameters() if not parameter.requires_grad}
    was = {name.rpartition(".")[0] for name, parameter in net.named_parameters() if not parameter.requires_grad}
    assert {name.rpartition(".")[0] for name in frozen} == was
    if animal == "frozen":
        assert all(not parameter.requires_grad for parameter in small[0].parameters())
        assert [n for n, p in small[2].named_parameters() if not p.requires_grad] == ["bias"]


@pytest.mark.parametrize("method", METHODS)
def test_tied_layers_stay_tied(method):
    net, _ = ZOO["tied_linear"].build()
    small = METHODS[method](net)
    shared = {id(tensor) for tensor in small[0].state_dict(keep_vars=True).values()}
    both = [name for name, tensor in small[2].state_dict(keep_vars=True).items() if id(tensor) in shared]
    assert sorted(both) == sorted(name for name in small[2].state_dict() if name != "bias")
    assert torch.equal(small[2].bias, net[2].bias)
    first, second = (set(map(id, layer.state_dict(keep_vars=True).values())) for layer in copy.deepcopy(small)[:3:2])
    assert first & second


def test_parameters_without_a_layer_are_one_sentence():
    net, _ = ZOO["parameters_only"].build()
    for method in METHODS.values():
        with pytest.raises(ValueError, match="no layer matches layers='all'; the model has no"):
            method(net)


@pytest.mark.parametrize("method", METHODS)
def test_hooks_are_called_on_the_new_layer(method):
    net, x = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2)).eval(), torch.randn(3, 16)
    seen = []
    net[0].register_forward_pre_hook(lambda module, inputs: seen.append("before"))
    net[0].register_forward_hook(lambda module, inputs, output: seen.append("after"))
    net[2].register_forward_hook(lambda module, inputs, kwargs, output: 2 * output, with_kwargs=True)
    net[0].register_full_backward_hook(lambda module, inputs, outputs: seen.append("backward"))
    small = METHODS[method](net)
    small(x.requires_grad_()).sum().backward()
    assert seen == ["before", "after", "backward"]
    bare = copy.deepcopy(small)
    bare[2]._forward_hooks.clear()
    with torch.no_grad():
        torch.testing.assert_close(small(x), 2 * bare(x))
