"""The fixed fan-in operation against a dense weight, over edge-case shapes, dtypes and threads."""

import subprocess
import sys
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from labkit.kernels import Topology, fixed_fan_in

TOLERANCE = {
    torch.float64: {"rtol": 1e-11, "atol": 1e-11},
    torch.float32: {"rtol": 2e-4, "atol": 2e-4},
    torch.bfloat16: {"rtol": 4e-2, "atol": 8e-2},
    torch.float16: {"rtol": 5e-3, "atol": 1e-2},
}


def dense(weight, index, inputs):
    """The dense form of a condensed weight; duplicates add up."""
    return weight.new_zeros(len(weight), inputs).scatter_add(1, index, weight)


def problem(batch, inputs, outputs, fan_in, dtype=torch.float32, seed=0):
    """Random x, weight, unordered index with duplicates, and bias."""
    generator = torch.Generator().manual_seed(seed)
    index = torch.randint(inputs, (outputs, fan_in), generator=generator)
    parts = [torch.randn(shape, generator=generator).to(dtype) for shape in ((batch, inputs), (outputs, fan_in), (outputs,))]
    return parts[0], parts[1], index, parts[2]


@pytest.mark.parametrize("backend", ["auto", "reference", "cpu"])
@settings(max_examples=40, deadline=None)
@given(
    batch=st.sampled_from([0, 1, 2, 3, 4, 7, 8, 9, 16, 31, 33, 64, 65, 129, 300]),
    inputs=st.sampled_from([1, 2, 3, 17, 64, 97]),
    outputs=st.sampled_from([1, 2, 13, 64, 65, 131]),
    fan_in=st.integers(0, 40),
    dtype=st.sampled_from(list(TOLERANCE)),
    with_bias=st.booleans(),
    checked=st.booleans(),
    seed=st.integers(0, 99),
)
def test_outputs_and_gradients_are_those_of_the_dense_weight(
    backend, batch, inputs, outputs, fan_in, dtype, with_bias, checked, seed
):
    x, weight, index, bias = problem(batch, inputs, outputs, fan_in, dtype, seed)
    given_index = Topology(index, inputs) if checked else index
    wide = torch.promote_types(dtype, torch.float32)
    leaves = [part.clone().requires_grad_() for part in (x, weight, bias)]
    others = [part.to(wide).requires_grad_() for part in (x, weight, bias)]
    y = fixed_fan_in(leaves[0], leaves[1], given_index, leaves[2] if with_bias else None, backend=backend)
    wanted = F.linear(others[0], dense(others[1], index, inputs), others[2] if with_bias else None)
    scale = max(1.0, fan_in**0.5)
    near = {name: scale * value for name, value in TOLERANCE[dtype].items()}
    assert y.dtype == dtype
    torch.testing.assert_close(y.to(wide), wanted, **near)
    gradient = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
    y.backward(gradient)
    wanted.backward(gradient.to(wide))
    near = {name: max(batch, outputs, 1) ** 0.5 * value for name, value in near.items()}
    for ours, theirs in zip(leaves[: 2 + with_bias], others, strict=False):
        torch.testing.assert_close(ours.grad.to(wide), theirs.grad, **near)


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("batch", [1, 5, 70])
def test_gradcheck_in_double_precision(batch, checked):
    x, weight, index, bias = problem(batch, 6, 5, 3, torch.float64)
    where = Topology(index, 6) if checked else index
    leaves = [part.requires_grad_() for part in (x, weight, bias)]
    assert torch.autograd.gradcheck(lambda a, w, b: fixed_fan_in(a, w, where, b), leaves)


@pytest.mark.parametrize("checked", [True, False])
def test_opcheck(checked):
    x, weight, index, bias = problem(9, 12, 7, 4)
    leaves = [part.requires_grad_() for part in (x, weight, bias)]
    topology = Topology(index, 12)
    extra = (topology.tiles, *topology.inverse) if checked else (None,) * 4
    arguments = (leaves[0], leaves[1], topology.index if checked else index, leaves[2], *extra, "auto")
    torch.library.opcheck(torch.ops.labkit.fixed_fan_in.default, arguments)


def test_it_exports_as_one_operator():
    x, weight, index, _ = problem(9, 12, 7, 4)

    class Layer(torch.nn.Module):
        def forward(self, x):
            return fixed_fan_in(x, weight, index)

    program = torch.export.export(Layer(), (x,))
    assert "labkit.fixed_fan_in" in str(program.graph)
    torch.testing.assert_close(program.module()(x), fixed_fan_in(x, weight, index))


class Chain(torch.nn.Module):
    """A layer with a Topology and one whose index is validated on every call."""

    def __init__(self):
        super().__init__()
        _, first, self.index, _ = problem(0, 12, 7, 4)
        _, second, self.plain, _ = problem(0, 7, 3, 2)
        self.topology = Topology(self.index, 12)
        self.first, self.second = torch.nn.Parameter(first), torch.nn.Parameter(second)

    def forward(self, x):
        return fixed_fan_in(fixed_fan_in(x, self.first, self.topology).relu(), self.second, self.plain)


def test_it_compiles_without_a_graph_break_and_has_gradients():
    """With the aot_eager backend, because code generation would need a C++ compiler."""
    chain, again = Chain(), Chain()
    compiled = torch.compile(again, fullgraph=True, backend="aot_eager")
    x = torch.randn(5, 12)
    y, wanted = compiled(x), chain(x)
    torch.testing.assert_close(y, wanted)
    y.square().sum().backward()
    wanted.square().sum().backward()
    for ours, theirs in zip(again.parameters(), chain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x[:3]), chain(x[:3]))


@pytest.mark.parametrize("batch", [1, 9, 70, 900])
def test_an_ablated_neuron_outputs_its_bias_and_is_skipped(batch):
    x, weight, index, bias = problem(batch, 9000, 80, 40)
    index = index.sort(1).values  # several tiles
    weight[::3] = 0
    weight[1, 0] = 0  # not ablated: only its first weight is zero
    topology = Topology(index, 9000)
    y = fixed_fan_in(x, weight, topology, bias, backend="cpu")
    torch.testing.assert_close(y, F.linear(x, dense(weight, index, 9000), bias), **TOLERANCE[torch.float32])
    assert torch.equal(y[:, ::3], bias[::3].expand(batch, -1))
    x[0, 5] = float("nan")  # reaches connected outputs only; an ablated neuron has no connections
    y = fixed_fan_in(x, weight, topology, bias, backend="cpu")
    connected = (index == 5).any(1)
    connected[::3] = False
    assert torch.equal(y[0].isnan(), connected)


class Forked(torch.utils.data.Dataset):
    """Examples computed by the operation, in worker processes forked after the kernel has run."""

    def __init__(self):
        self.x, self.weight, self.index, _ = problem(40, 30, 20, 5)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return fixed_fan_in(self.x[i], self.weight, self.index)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_forked_loader_workers_can_compute():
    data = Forked()
    wanted = fixed_fan_in(data.x, data.weight, data.index)
    loader = torch.utils.data.DataLoader(data, batch_size=8, num_workers=2, multiprocessing_context="fork", timeout=300)
    torch.testing.assert_close(torch.cat(list(loader)), wanted)


def views(x):
    """The same values in other layouts: transposed, every second row and column of a larger one, expanded."""
    spread = torch.zeros(2 * x.shape[0], 3 * x.shape[1]).normal_()
    spread[::2, ::3] = x
    return [x.t().contiguous().t(), spread[::2, ::3], x[:1].expand(x.shape[0], -1)]


@pytest.mark.parametrize("batch", [2, 20, 200])
def test_any_layout_of_x(batch):
    x, weight, index, bias = problem(batch, 30, 20, 5)
    for view in views(x):
        wanted = F.linear(view, dense(weight, index, 30), bias)
        torch.testing.assert_close(fixed_fan_in(view, weight, index, bias), wanted, rtol=1e-4, atol=1e-4)


def test_any_leading_shape():
    x, weight, index, bias = problem(24, 30, 20, 5)
    y = fixed_fan_in(x.view(2, 3, 4, 30), weight, index, bias)
    torch.testing.assert_close(y.view(24, 20), fixed_fan_in(x, weight, index, bias))
    assert fixed_fan_in(x[0], weight, index, bias).shape == (20,)


@pytest.mark.parametrize("batch", [1, 40])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nan_and_infinity_reach_only_connected_outputs(batch, bad):
    x, weight, _, _ = problem(batch, 10, 4, 2)
    index = torch.tensor([[0, 1], [2, 3], [3, 4], [5, 9]])
    x[:, 3] = bad
    y = fixed_fan_in(x, weight, index)
    assert torch.isfinite(y).all(0).tolist() == [True, False, False, True]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.uint16, torch.int32, torch.int64])
def test_any_integer_index(dtype):
    x, weight, index, _ = problem(6, 20, 8, 3)
    torch.testing.assert_close(fixed_fan_in(x, weight, index.to(dtype)), fixed_fan_in(x, weight, index))


def test_more_inputs_than_16_bits_can_index():
    x, weight, index, _ = problem(12, 70_000, 3, 5)
    index[0, 0] = 69_999
    assert Topology(index, 70_000).index.dtype == torch.int32
    wanted = F.linear(x, dense(weight, index, 70_000))
    torch.testing.assert_close(fixed_fan_in(x, weight, index), wanted, rtol=1e-4, atol=1e-4)
    assert Topology(index.clamp(max=65_535), 65_536).index.dtype == torch.uint16


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("value", [-1, 7])
def test_a_column_out_of_range_is_named(value, checked):
    x, weight, index, _ = problem(2, 7, 3, 2)
    index[1, 0] = value
    with pytest.raises(ValueError, match=rf"index\[1, 0\] is {value}, but columns run from 0 to 6"):
        fixed_fan_in(x, weight, Topology(index, 7) if checked else index)


def test_invalid_arguments_raise():
    x, weight, index, bias = problem(2, 7, 3, 2)
    with pytest.raises(ValueError, match=r"one shape .* got \[3, 2\] and \[3, 1\]"):
        fixed_fan_in(x, weight, index[:, :1])
    with pytest.raises(ValueError, match=r"x must have 7 inputs .* got shape \[2, 6\]"):
        fixed_fan_in(x[:, :6], weight, Topology(index, 7))
    with pytest.raises(ValueError, match=r"bias must have shape \[3\]"):
        fixed_fan_in(x, weight, index, bias[:2])
    with pytest.raises(ValueError, match="backend must be one of auto"):
        fixed_fan_in(x, weight, index, backend="gpu")
    with pytest.raises(TypeError, match=r"of one floating type, got torch.float32, torch.float64"):
        fixed_fan_in(x.double(), weight, index)
    with pytest.raises(TypeError, match=r"tensor of integers, got torch.float32"):
        Topology(index.float(), 7)
    with pytest.raises(ValueError, match=r"shape \[outputs, fan_in\], got \[6\]"):
        Topology(index.reshape(-1), 7)


def test_the_inverse_lists_every_connection_once_by_input():
    _, _, index, _ = problem(0, 11, 9, 4)
    pointer, output, position = Topology(index, 11).inverse
    found = [
        (column, int(output[place]), int(position[place])) for column in range(11) for place in range(*pointer[column].tolist())
    ]
    wanted = sorted((int(index[n, k]), n, n * 4 + k) for n in range(9) for k in range(4))
    assert sorted(found) == wanted


def test_threads_do_not_change_the_result():
    x, weight, index, bias = problem(150, 90, 200, 11)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 8):
            torch.set_num_threads(threads)
            found.append(fixed_fan_in(x, weight, index, bias))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_python_threads_do_not_disturb_each_other():
    problems = [problem(batch, 60, 150, 9, seed=batch) for batch in (1, 20, 70, 300)]
    wanted = [fixed_fan_in(*parts, backend="reference") for parts in problems]
    wrong = []

    def work(number):
        for _ in range(60):
            y = fixed_fan_in(*problems[number])
            if not torch.allclose(y, wanted[number], rtol=1e-3, atol=1e-3):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong


FORKED = """
import os, numpy as np, torch
from labkit.kernels import fixed_fan_in
torch.set_num_threads(2)
x, weight, index = torch.randn(200, 50), torch.randn(300, 7), torch.randint(50, (300, 7))
wanted = fixed_fan_in(x, weight, index).numpy()
child = os.fork()
if child == 0:
    again = fixed_fan_in(x, weight, index).numpy()  # compared with NumPy, because torch's threads do not exist in the child
    os._exit(0 if np.array_equal(again, wanted) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert np.array_equal(fixed_fan_in(x, weight, index), wanted)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_forked_child_can_compute():
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=600)


def test_a_topology_is_copied_and_pickled_as_its_index():
    import copy
    import pickle

    topology = Topology(torch.tensor([[0, 3], [1, 2]]), 5)
    for again in (copy.deepcopy(topology), pickle.loads(pickle.dumps(topology))):
        assert torch.equal(again.index.to(torch.int64), topology.index.to(torch.int64))
        assert again.in_features == 5
        assert torch.equal(again.inverse[2], topology.inverse[2])
