"""The Triton kernels agree with a literal dense layer, and they compile for a GPU.

Whether Triton interprets is decided when it is first imported, so each set of checks runs this file in its own process: on a GPU if
there is one, else interpreted on the CPU. The interpreter accepts more than the compiler does, hence the second set.
"""

import importlib.util
import json
import os
import subprocess
import sys
import traceback
from functools import partial
from itertools import product

import pytest
import torch

from labkit import kernels
from labkit.kernels import on_gpu, triton_kernels

KERNELS = ("transpose_kernel", "forward_wide_kernel", "forward_narrow_kernel", "grad_weight_kernel", "grad_input_kernel")
needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton does not support this platform")


def outcomes_of(checks, folder, interpret):
    """Run this file on `checks` in a new process and return {name: "" or traceback}."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TRITON_CACHE_DIR": str(folder)}
    environment.pop("TRITON_INTERPRET", None)
    if interpret:
        environment["TRITON_INTERPRET"] = "1"
    run = subprocess.run([sys.executable, "-W", "ignore", __file__, checks], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.slow
@needs_triton
def test_kernels_agree_with_a_dense_layer(tmp_path):
    outcomes = outcomes_of("numbers", tmp_path, interpret=not torch.cuda.is_available())
    assert len(outcomes) > 40
    assert not {name: problem for name, problem in outcomes.items() if problem}


@pytest.mark.slow
@needs_triton
def test_kernels_compile_for_a_gpu(tmp_path):
    outcomes = outcomes_of("compiler", tmp_path, interpret=False)
    assert len(outcomes) > 40
    assert not {name: problem for name, problem in outcomes.items() if problem}


@pytest.mark.parametrize("kind", [torch.uint16, torch.int32, torch.int64])
def test_inverse_holds_each_connection_once_under_its_column(kind):
    index = torch.tensor([[4, 0, 4], [2, 4, 0]]).to(kind)
    column_ptr, position = on_gpu.inverse_of(index, 6)
    assert (column_ptr.dtype, position.dtype) == (torch.int32, torch.int32)
    assert column_ptr.tolist() == [0, 2, 2, 3, 3, 6, 6]
    assert position.tolist() == [1, 5, 3, 0, 2, 4]


def test_inverse_rejects_a_column_out_of_range():
    with pytest.raises(ValueError, match=r"must lie in 0 … 4, got 0 … 5"):
        on_gpu.inverse_of(torch.tensor([[0, 5]]), 5)
    with pytest.raises(ValueError, match="got -1 … 0"):
        on_gpu.inverse_of(torch.tensor([[0, -1]]), 5)


def test_without_triton_the_module_imports_and_calls_raise(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", None)  # makes `import triton` raise ImportError
    monkeypatch.delitem(sys.modules, "labkit.kernels.triton_kernels")
    monkeypatch.setattr(kernels, "triton_kernels", triton_kernels)  # puts the attribute back that the second import replaces
    spec = importlib.util.spec_from_file_location("without_triton", on_gpu.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    x, weight, index = torch.ones(2, 3), torch.ones(4, 1), torch.zeros(4, 1, dtype=torch.int64)
    assert not module.available("cpu")
    assert not module.available("cuda")
    for call in (
        lambda: module.forward(x, weight, index),
        lambda: module.grad_weight(x, torch.ones(2, 4), index),
        lambda: module.grad_input(torch.ones(2, 4), weight, module.inverse_of(index, 3)),
    ):
        with pytest.raises(RuntimeError, match=r"not installed.*use another backend"):
            call()


# ---- numbers: run in a separate process ----------------------------------------------------------------

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SHAPES = [(1, 1, 1), (5, 7, 1), (17, 13, 3), (29, 1, 29), (64, 37, 3), (11, 6, 11)]  # D, N, K


def example(B, D, N, K, dtype, seed=0):
    """Random x, weight, index (K = D: drawn with repeats too), bias and upstream gradient."""
    random = torch.Generator().manual_seed(seed + 1000 * B + D)
    x, weight, bias, upstream = (torch.randn(size, generator=random).to(dtype) for size in ((B, D), (N, K), (N,), (B, N)))
    index = torch.randint(D, (N, K), generator=random)
    if K > 1:
        index[:, 1] = index[:, 0]  # a duplicate in each row
    return [part.to(DEVICE) for part in (x, weight, index, bias, upstream)]


def dense(x, weight, index, bias, upstream):
    """The layer as a dense matrix in float64: output, gradient of the weights, gradient of the input."""
    x, weight = x.double().requires_grad_(), weight.double().requires_grad_()
    matrix = torch.zeros(len(weight), x.shape[1], dtype=torch.float64, device=x.device).scatter_add(1, index.long(), weight)
    y = x @ matrix.t()
    if bias is not None:
        y = y + bias.double()
    grads = torch.autograd.grad(y, (weight, x), upstream.double())
    return y.detach(), *grads


def ours(x, weight, index, bias, upstream):
    inverse = on_gpu.inverse_of(index, x.shape[1])
    return (
        on_gpu.forward(x, weight, index, bias),
        on_gpu.grad_weight(x, upstream, index),
        on_gpu.grad_input(upstream, weight, inverse),
    )


def agrees(x, weight, index, bias, upstream):
    """Every entry within one rounding of the result and the worst case of summing in float32 (float64)."""
    got = ours(x, weight, index, bias, upstream)
    want = dense(x, weight, index, bias, upstream)
    size = dense(x.abs(), weight.abs(), index, None if bias is None else bias.abs(), upstream.abs())
    info, step = torch.finfo(x.dtype), torch.finfo(torch.promote_types(x.dtype, torch.float32)).eps
    terms = (index.shape[1] + 1, len(x), index.numel())
    for name, ours_, theirs, total, count in zip(("forward", "grad_weight", "grad_input"), got, want, size, terms, strict=True):
        assert ours_.shape == theirs.shape, name
        assert ours_.dtype == x.dtype, name
        assert ours_.is_contiguous(), name
        allowed = info.eps * theirs.abs() + count * step * total + info.smallest_normal * info.eps
        wrong = ~((ours_.double() - theirs).abs() <= allowed)  # ~: NaN is wrong
        assert not wrong.any(), f"{name}: {int(wrong.sum())} of {wrong.numel()}, {ours_[wrong][:3]} for {theirs[wrong][:3]}"


def shape_agrees(B, D, N, K, dtype):
    x, weight, index, bias, upstream = example(B, D, N, K, dtype)
    agrees(x, weight, index, bias if (B + D) % 2 else None, upstream)


def small_blocks_agree(B):
    """Blocks smaller than every axis, so that each loop and grid takes several steps and ends on a partial one."""
    import triton

    saved = {}
    for name in KERNELS:
        kernel = getattr(triton_kernels, name)
        saved[kernel] = kernel.configs
        blocks = {block: 8 if block == "BLOCK_B" else 4 for block in kernel.configs[0].kwargs}
        kernel.configs = [triton.Config(blocks, num_warps=1)]
    try:
        agrees(*example(B, 19, 11, 7, torch.float32))
    finally:
        for kernel, configs in saved.items():
            kernel.configs = configs


def any_strides_are_accepted(B):
    x, weight, index, bias, upstream = example(B, 17, 13, 3, torch.float32)
    spread = [torch.stack([part, part + 9], -1)[..., 0] for part in (x, weight, index, bias, upstream)]
    assert not any(part.is_contiguous() for part in spread)
    agrees(*spread)
    agrees(x.t().contiguous().t(), weight.t().contiguous().t(), index.t().contiguous().t(), bias, upstream.t().contiguous().t())
    agrees(x[:1].expand(B, -1), weight, index, bias[:1].expand(13), upstream[:, :1].expand(B, 13))


def index_types_agree(B):
    x, weight, index, bias, upstream = example(B, 17, 13, 3, torch.float32)
    first = ours(x, weight, index, bias, upstream)
    for kind in (torch.int64, torch.int32, torch.uint16):
        again = ours(x, weight, index.to(kind), bias, upstream)
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True)), kind
    column_ptr, position = on_gpu.inverse_of(index, 17)
    assert torch.equal(first[2], on_gpu.grad_input(upstream, weight, (column_ptr.long(), position.long())))


def uint16_reaches_the_last_column(B):
    x = torch.zeros(65_536, B, device=DEVICE).t()
    x[:, -1] = torch.arange(B) + 1.0
    index = torch.full((1, 1), 65_535, device=DEVICE).to(torch.uint16)
    one = torch.ones(1, 1, device=DEVICE)
    assert torch.equal(on_gpu.forward(x, one, index), x[:, -1:])
    assert on_gpu.grad_weight(x, one.expand(B, 1), index).item() == B * (B + 1) / 2


def infinity_reaches_only_connected_outputs(B):
    # column 0, which masked lanes would read, is infinite and has no connections
    x = torch.ones(B, 5, device=DEVICE)
    x[:, 0], x[:, 1], x[:, 2] = torch.inf, -torch.inf, torch.nan
    index = torch.tensor([[3, 4, 3], [3, 1, 3], [4, 4, 2], [1, 3, 3]], device=DEVICE)
    weight = torch.ones(4, 3, device=DEVICE)
    weight[3, 0] = 0
    row = [3.0, -torch.inf, torch.nan, torch.nan]  # no special value, -inf, NaN, -inf times a weight of 0
    same = partial(torch.testing.assert_close, rtol=0, atol=0, equal_nan=True)
    same(on_gpu.forward(x, weight, index), torch.tensor([row] * B, device=DEVICE))
    # a NaN upstream affects only its output and the columns connected to it; masked lanes would read row 0
    upstream = torch.ones(B, 4, device=DEVICE)
    upstream[:, 0] = torch.nan
    grad = on_gpu.grad_input(upstream, weight, on_gpu.inverse_of(index, 5))
    same(grad, torch.tensor([[0.0, 1.0, 1.0, torch.nan, torch.nan]] * B, device=DEVICE))
    grad = on_gpu.grad_weight(torch.ones(B, 5, device=DEVICE), upstream, index)
    same(grad, torch.tensor([[torch.nan] * 3, *[[float(B)] * 3] * 3], device=DEVICE))


def empty_inputs_give_empty_or_zero_results():
    for N, K in ((0, 3), (4, 0), (0, 0)):
        for B in (0, 2, 7):
            x, upstream, bias = torch.ones(B, 5, device=DEVICE), torch.ones(B, N, device=DEVICE), torch.ones(N, device=DEVICE)
            weight, index = torch.ones(N, K, device=DEVICE), torch.zeros(N, K, dtype=torch.int64, device=DEVICE)
            y, grad_weight, grad_input = ours(x, weight, index, bias, upstream)
            assert torch.equal(y, torch.ones(B, N, device=DEVICE))
            assert torch.equal(grad_weight, weight[:, :0] if K == 0 else weight)
            assert torch.equal(grad_input, torch.zeros_like(x))


def invalid_arguments_raise():
    x, weight, index, bias, upstream = example(2, 5, 4, 3, torch.float32)
    inverse = on_gpu.inverse_of(index, 5)
    for call, sentence in [
        (lambda: on_gpu.forward(x[0], weight, index), "must have two axes"),
        (lambda: on_gpu.forward(x, weight[:, :2], index), r"weight must be \[4, 3\], got \[4, 2\]"),
        (lambda: on_gpu.forward(x, weight.double(), index), "weight must be torch.float32"),
        (lambda: on_gpu.forward(x, weight, index, bias[:1]), r"bias must be \[4\], got \[1\]"),
        (lambda: on_gpu.forward(x, weight, index.float()), "index must be uint16, int32 or int64"),
        (lambda: on_gpu.forward(x.long(), weight, index), "x must be float32"),
        (lambda: on_gpu.forward(x[:, :0], weight, index), "no columns"),
        (lambda: on_gpu.grad_weight(x, upstream[:1], index), r"grad_y must be \[2, 4\], got \[1, 4\]"),
        (lambda: on_gpu.grad_input(upstream, weight[:2], inverse), r"grad_y must be \[2, 2\]"),
        (lambda: on_gpu.grad_input(upstream, weight[:, :2], inverse), "must hold the 8 positions"),
        (lambda: on_gpu.grad_input(upstream, weight, (inverse[0].float(), inverse[1])), "column_ptr must be an int32"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            call()


def numbers():
    assert on_gpu.available(DEVICE)
    yield from (
        (f"{B}, {shape}", partial(shape_agrees, B, *shape, torch.float32)) for B, shape in product((0, 1, 2, 7, 33), SHAPES)
    )
    for B, shape, dtype in product((2, 33), ((17, 13, 3), (29, 1, 29)), (torch.float64, torch.float16, torch.bfloat16)):
        yield f"{B}, {shape}, {dtype}", partial(shape_agrees, B, *shape, dtype)
    for check, B in product(
        (small_blocks_agree, any_strides_are_accepted, index_types_agree, infinity_reaches_only_connected_outputs), (3, 4, 5, 19)
    ):
        yield f"{check.__name__}, {B}", partial(check, B)
    yield from ((f"uint16, {B}", partial(uint16_reaches_the_last_column, B)) for B in (2, 7))
    for check in (empty_inputs_give_empty_or_zero_results, invalid_arguments_raise):
        yield check.__name__, check


# ---- compiler: needs Triton's own assembler but no GPU ---------------------------------------------------


def compiles(kernel, config, value, index, ones):
    """Compile for compute capability 8.0; `ones` makes every length and stride a constant 1, as Triton itself does with a 1."""
    import triton
    import triton.language as tl
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    constants = {"BATCH": 4, "SUM": tl.float64 if value == "fp64" else tl.float32, **config.kwargs}
    signature = {}
    for parameter in kernel.fn.params:
        name = parameter.name
        if parameter.is_constexpr:
            signature[name] = "constexpr"
        elif name in ("x", "xt", "weight", "bias", "y", "grad_y", "grad", "source", "target"):
            signature[name] = f"*{value}"
        elif name in ("index", "position", "column_ptr"):
            signature[name] = f"*{index if name == 'index' or index != 'u16' else 'i32'}"
        else:
            signature[name] = "constexpr" if ones else "i32"
            constants |= {name: 1} if ones else {}
    if ones and "bias" in signature:
        signature["bias"], constants["bias"] = "constexpr", None
    constants = {name: constants[name] for name, kind in signature.items() if kind == "constexpr"}
    source = ASTSource(kernel.fn, signature, constexprs=constants)
    made = triton.compile(source, target=GPUTarget("cuda", 80, 32), options={"num_warps": config.num_warps})
    assert "st.global" in made.asm["ptx"]
    assert made.metadata.shared <= 48 * 1024  # available on every GPU without opting in


def raises_without_a_gpu():
    assert not on_gpu.available("cpu")
    with pytest.raises(RuntimeError, match=r"do not run on cpu.*TRITON_INTERPRET=1"):
        on_gpu.forward(torch.ones(2, 3), torch.ones(4, 1), torch.zeros(4, 1, dtype=torch.int64))


def compiler():
    yield "no GPU, no interpreter", raises_without_a_gpu
    for name in KERNELS:
        kernel = getattr(triton_kernels, name)
        first = kernel.configs[0]
        for config in kernel.configs:
            yield f"{name}, {config}", partial(compiles, kernel, config, "fp32", "u16", False)
        for value, index, ones in (("fp32", "u16", True), ("bf16", "i32", False), ("fp16", "i64", False), ("fp64", "i64", False)):
            yield f"{name}, {value}, {index}, {ones}", partial(compiles, kernel, first, value, index, ones)


def problem_of(check):
    try:
        check()
    except Exception:
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    made = {name: problem_of(check) for name, check in {"numbers": numbers, "compiler": compiler}[sys.argv[1]]()}
    sys.stdout.write(json.dumps(made) + "\n")
