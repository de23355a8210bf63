"""`export`: a folder with a network, a script that loads it, the figures of its audit, sample inputs and outputs."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from labkit.export.checking import Check, check, script_of
from labkit.export.format import Format, Whole, get_format
from labkit.export.lowering import Lowered, lower
from labkit.export.materials import Material, material_of
from labkit.export.texts import loading_script, readme
from labkit.files import atomic_folder
from labkit.forwarding import fitted
from labkit.layers import copied
from labkit.layers.int8 import Int8Linear
from labkit.training.outputs import logits_of
from labkit.training.prediction import as_array

if TYPE_CHECKING:
    import os

    from labkit.audit import Audit
    from labkit.data import Dataset, Split
    from labkit.runs import Run

SAMPLES = 16  # examples in the folder
STAGES = 3
_ALONE = threading.Lock()  # torch's exporters fail where two run at a time; never held while a stage is told


@dataclass(frozen=True, eq=False)
class Exported:
    """A network that was taken away.

    Attributes
    ----------
    folder : Path
    format : str
    files : dict of str to int
        Bytes of every file.
    bytes : int
        Of the file that holds the network.
    notes : tuple of str
        What was chosen for the layers and what the format needs, one sentence each.
    check : Check
        How far its outputs are those of the network.
    """

    folder: Path
    format: str
    files: dict[str, int]
    bytes: int
    notes: tuple[str, ...]
    check: Check


@dataclass(frozen=True, eq=False)
class Stage:
    """How far an export is.

    Attributes
    ----------
    done : int
        Stages that are over, of `STAGES`; they take very different times.
    doing : str
        The stage that comes now.
    exported : Exported or None
        In the last answer.
    """

    done: int
    doing: str
    exported: Exported | None = None


def export(
    what: Run | Material | tuple[nn.Module, Audit],
    *,
    format: str = "onnx",
    folder: str | os.PathLike,
    data: Dataset | Split | None = None,
) -> Exported:
    """Write a network with everything that is needed to use it elsewhere, and check that it computes the same.

    Layers of labkit are replaced by torch's operators (see `labkit.export.lower`), except in the format safetensors, whose tensors
    are those of a stored run.

    Parameters
    ----------
    what : Run, or tuple of a network and its audit
        A stored run; one without weights is made again (see `labkit.runs.rebuild`).
    format : str
        A key of `labkit.export.FORMATS`.
    folder : path
        Must be absent or empty. It gets the network, ``load.py``, ``audit.json``, ``samples.npz`` and ``README.md``.
    data : Dataset or Split, optional
        Examples for the samples and the check; by default those on which the run or the reference network was audited.

    Returns
    -------
    Exported

    Raises
    ------
    ValueError
        For an unknown format or one whose packages are missing, a folder that is not empty, a run that cannot be loaded or made
        again, a network that the format cannot hold, or outputs that are not those of the network. Nothing half-written stays.
    OSError
        When the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from labkit import audit, data, models
    >>> network, census = models.load("mlp_adult"), data.load("adult")
    >>> found = audit.audit(network, census.test.subset(slice(0, 100)), cost=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sorted(export((network, found), format="torchexport", folder=folder, data=census).files)
    ['README.md', 'audit.json', 'load.py', 'model.pt2', 'samples.npz']
    """
    for stage in export_stages(what, format=format, folder=folder, data=data):
        if stage.exported is not None:
            return stage.exported
    raise RuntimeError("an export ends with the folder")


def export_stages(
    what: Run | Material | tuple[nn.Module, Audit],
    *,
    format: str = "onnx",
    folder: str | os.PathLike,
    data: Dataset | Split | None = None,
) -> Iterator[Stage]:
    """Do what `export` does, stage by stage; whoever reads no further leaves no folder.

    Parameters
    ----------
    what, format, folder, data
        As `export` takes them.

    Yields
    ------
    Stage
        What comes next; the last one has the folder.

    Raises
    ------
    ValueError, OSError
        As `export` does.

    Examples
    --------
    >>> import tempfile
    >>> from labkit import audit, data, models
    >>> network, census = models.load("mlp_adult"), data.load("adult")
    >>> found = audit.audit(network, census.test.subset(slice(0, 100)), cost=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [stage.doing for stage in export_stages((network, found), format="torchexport", folder=folder, data=census)]
    ['opening the network', 'writing the network', 'comparing its outputs', 'done']
    """
    kind = get_format(format)
    if kind.missing:
        raise ValueError(kind.missing)
    if isinstance(what, Material):
        material = what
    else:
        yield Stage(0, "opening the network" if getattr(what, "has_weights", True) else "making the network again")
        material = material_of(what, data=data)
    inputs = material.inputs()
    with atomic_folder(folder) as place:
        result = yield from _filled(kind, material, inputs, place)
    files, notes, compared = result
    yield Stage(STAGES, "done", Exported(Path(folder), format, files, files[kind.file], notes, compared))


def _filled(
    kind: Format, material: Material, inputs: torch.Tensor, place: Path
) -> Generator[Stage, None, tuple[dict[str, int], tuple[str, ...], Check]]:
    """Write every file of a folder and check the network in it."""
    yield Stage(1, "writing the network")
    with _ALONE:
        network = copied(material.network).eval().cpu()
        wanted = _outputs(network, inputs)
        lowered = _lowered(material, inputs) if kind.plain else Lowered(network, rounds=_rounds(network))
        written = _written(kind, Whole(network, lowered, inputs[:2].clone()), place)
    samples = inputs[:SAMPLES].numpy()
    np.savez(place / "samples.npz", inputs=samples, outputs=wanted[:SAMPLES], labels=np.asarray(material.split.labels[:SAMPLES]))
    (place / "audit.json").write_text(json.dumps(material.audit.to_dict(), indent=1, allow_nan=False) + "\n")
    (place / "load.py").write_text(loading_script(kind, material.name, tuple(map(str, material.split.classes))))
    yield Stage(2, "comparing its outputs")
    with _ALONE:
        found = _run_again(kind, network, inputs.numpy(), place)
    stored, who = _stored(material.audit, len(inputs)), f"{kind.file} of {material.name}"
    result = check(found, wanted, stored, rounds=lowered.rounds, who=who)
    notes = (*material.notes, *(lowered.notes() if kind.plain else ()), *written)
    if lowered.rounds:
        notes += ("activations are rounded to 8 bits, so that differences in the last place move some outputs by a step",)
    (place / "README.md").write_text(readme(kind, material.name, material.audit, notes, result))
    files = {path.name: path.stat().st_size for path in sorted(place.iterdir())}
    return files, notes, result


def _written(kind: Format, whole: Whole, place: Path) -> tuple[str, ...]:
    """Write the network; what an exporter raises becomes one sentence."""
    try:
        return tuple(kind.write(whole, place))
    except (OSError, MemoryError):
        raise
    except Exception as error:  # exporters raise errors of any type
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"this network cannot be written as {kind.name}: {line}; choose another format") from error


class _Logits(nn.Module):
    """A network that takes float32 and returns logits in float32, whatever it computes in."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.dtype = network, dtype

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return logits_of(self.network(inputs.to(self.dtype))).to(torch.float32)


def _lowered(material: Material, inputs: torch.Tensor) -> Lowered:
    if "lowered" not in material.made:
        made = lower(copied(material.network).cpu())
        dtype = fitted(made.network, inputs[:1]).dtype
        material.made["lowered"] = Lowered(_Logits(made.network, dtype).eval(), made.choices, made.rounds)
    return material.made["lowered"]


def _rounds(network: nn.Module) -> bool:
    return any(isinstance(module, Int8Linear) and module.mode == "dynamic" for module in network.modules())


def _outputs(network: nn.Module, inputs: torch.Tensor) -> np.ndarray:
    with torch.inference_mode():
        return as_array(logits_of(network(inputs.to(fitted(network, inputs[:1]).dtype)))).astype(np.float32)


def _run_again(kind: Format, network: nn.Module, inputs: np.ndarray, place: Path) -> np.ndarray:
    """Outputs of the written network, through the script that users get."""
    script = script_of(place)
    source = place / "source.json"
    if source.is_file() and not {"origin", "blueprint"} & json.loads(source.read_text()).keys():
        return script.predict(inputs, script.load(base=network))
    return script.predict(inputs)


def _stored(audit: Audit, examples: int) -> np.ndarray | None:
    """Stored probabilities of the first examples of a classification."""
    if audit.task != "classification" or len(audit.predictions) < examples or "probabilities" not in audit.predictions:
        return None
    return np.stack(audit.predictions["probabilities"].to_numpy()[:examples])
