"""The formats that labkit knows: safetensors, torch.export, ONNX and TorchScript."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from labkit.export.format import Format, Whole, register_format
from labkit.models import source_of
from labkit.runs.weights import save_state

SOURCE = "source.json"
FOLDED = 512  # entries of a constant up to which it is computed when ONNX is written

SAFETENSORS = '''
import json

from labkit.models import rebuild
from labkit.runs.weights import load_state


def load(base=None):
    """Return the network; base= is the network it was compressed from, where its class is your own."""
    model = rebuild(json.loads((HERE / "source.json").read_text()), base)
    load_state(model, HERE / "model.safetensors")
    return model.eval()


def predict(inputs, model=None):
    """Return logits; inputs are those of samples.npz."""
    import torch

    from labkit.training.outputs import logits_of

    model = load() if model is None else model
    kind = next((tensor.dtype for tensor in model.parameters() if tensor.is_floating_point()), torch.float32)
    with torch.inference_mode():
        return logits_of(model(torch.from_numpy(inputs).to(kind))).float().numpy()
'''

PROGRAM = '''
import torch


def load():
    """Return the network."""
    return torch.export.load(HERE / "model.pt2").module()


def predict(inputs, model=None):
    """Return logits; inputs are those of samples.npz, any number of examples."""
    model = load() if model is None else model
    with torch.inference_mode():
        return model(torch.from_numpy(inputs)).numpy()
'''

GRAPH = '''
import onnxruntime


def load():
    """Return a session of onnxruntime."""
    return onnxruntime.InferenceSession(str(HERE / "model.onnx"), providers=["CPUExecutionProvider"])


def predict(inputs, model=None):
    """Return logits; inputs are those of samples.npz, any number of examples."""
    model = load() if model is None else model
    return model.run(["logits"], {"inputs": inputs})[0]
'''

SCRIPT = '''
import torch


def load():
    """Return the network."""
    return torch.jit.load(str(HERE / "model.pt")).eval()


def predict(inputs, model=None):
    """Return logits; inputs are those of samples.npz, any number of examples."""
    model = load() if model is None else model
    with torch.inference_mode():
        return model(torch.from_numpy(inputs)).numpy()
'''


def _write_weights(whole: Whole, folder: Path) -> tuple[str, ...]:
    save_state(whole.network, folder / "model.safetensors")
    source = source_of(whole.network) or {}
    (folder / SOURCE).write_text(json.dumps(source, indent=1) + "\n")
    notes = ["safetensors holds tensors and no architecture, so that load.py needs labkit to build the network"]
    if "origin" not in source and "blueprint" not in source:
        notes.append("the network is of your own class: load.py needs it as load(base=network)")
    return tuple(notes)


def _write_program(whole: Whole, folder: Path) -> tuple[str, ...]:
    with _quiet():
        program = torch.export.export(whole.lowered.network, (whole.example,), dynamic_shapes=({0: torch.export.Dim("examples")},))
        for module in program.graph_module.modules():
            for node in getattr(module, "graph", torch.fx.Graph()).nodes:
                node.meta.pop("stack_trace", None)  # places of this machine, which the file has no use for
        torch.export.save(program, folder / "model.pt2")
    return (f"model.pt2 was written by torch {torch.__version__}; older versions of torch may not read it",)


def _write_graph(whole: Whole, folder: Path) -> tuple[str, ...]:
    with _quiet():
        program = torch.onnx.export(
            whole.lowered.network,
            (whole.example,),
            input_names=["inputs"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("examples")},),
            external_data=False,
            optimize=False,
            verbose=False,
        )
        if program is None:
            raise ValueError("torch exported no ONNX program of this network; choose another format")
        _tidy(program.model)
        program.save(folder / "model.onnx", external_data=False)
    return ()


def _tidy(model: Any) -> None:
    """Fold small constants only, so that zeros and indices do not grow into dense weights, and drop where nodes came from."""
    from onnxscript import optimizer

    optimizer.optimize_ir(model, input_size_limit=FOLDED, output_size_limit=FOLDED)
    for part in (model.graph, *model.functions.values()):
        for node in part.all_nodes():
            node.metadata_props.clear()
            for value in node.outputs:
                value.metadata_props.clear()
        part.metadata_props.clear()


def _write_script(whole: Whole, folder: Path) -> tuple[str, ...]:
    with _quiet(), torch.inference_mode():
        traced = torch.jit.trace(whole.lowered.network, (whole.example,), check_trace=False)
        torch.jit.save(traced, str(folder / "model.pt"))
    return ("TorchScript is no longer developed by PyTorch; take torch.export for new programs",)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what exporters log about themselves, on which users cannot act."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


register_format(
    Format(
        "safetensors",
        "Safetensors: the weights as they are stored",
        "model.safetensors",
        _write_weights,
        SAFETENSORS,
        needs="torch, numpy and labkit",
        plain=False,
    )
)
register_format(
    Format(
        "torchexport", "PyTorch program (torch.export)", "model.pt2", _write_program, PROGRAM, needs="torch and numpy, not labkit"
    )
)
register_format(
    Format(
        "onnx",
        "ONNX, for onnxruntime and others",
        "model.onnx",
        _write_graph,
        GRAPH,
        needs="onnxruntime and numpy, neither labkit nor torch",
        packages=("onnx", "onnxscript", "onnxruntime"),
    )
)
register_format(
    Format("script", "TorchScript", "model.pt", _write_script, SCRIPT, needs="torch and numpy, not labkit"),
)
