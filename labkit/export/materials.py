"""`Material`: the network, the audit and the examples of what is exported, opened once for several formats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from labkit import models
from labkit.audit import data_id
from labkit.data import Dataset, NodeSplit, open_dataset
from labkit.runs import Run, Store, reopen
from labkit.runs.labels import label
from labkit.runs.rebuilding import rebuild
from labkit.runs.sources import data_of

if TYPE_CHECKING:
    from labkit.audit import Audit
    from labkit.data import Split

CHECKED = 128  # examples on which outputs are compared


@dataclass(frozen=True, eq=False)
class Material:
    """What every format is made of.

    Attributes
    ----------
    network : nn.Module
    audit : Audit
    split : Split
        Test examples.
    name : str
        What is exported, in words.
    notes : tuple of str
    made : dict
        What several formats share; filled by `labkit.export.export`.
    """

    network: nn.Module
    audit: Audit
    split: Split
    name: str
    notes: tuple[str, ...] = ()
    made: dict[str, Any] = field(default_factory=dict)

    def inputs(self) -> torch.Tensor:
        """Return the examples on which outputs are compared.

        Returns
        -------
        Tensor

        Raises
        ------
        ValueError
            For nodes of a graph and for texts.
        """
        if isinstance(self.split, NodeSplit):
            raise ValueError("a network of graph nodes reads the whole graph and cannot be exported; take the stored run instead")
        try:
            return self.split.inputs(slice(0, CHECKED))
        except TypeError as error:
            raise ValueError(f"the network cannot be exported with sample inputs: {error}") from error


def material_of(
    what: Run | tuple[nn.Module, Audit], *, data: Dataset | Split | None = None, base: nn.Module | None = None
) -> Material:
    """Open what is to be exported.

    Parameters
    ----------
    what : Run, or tuple of a network and its audit
    data : Dataset or Split, optional
        Test examples; by default those of the run, or of the reference network.
    base : nn.Module, optional
        For an architecture of your own: the network that the run was compressed from.

    Returns
    -------
    Material

    Raises
    ------
    ValueError
        When the run cannot be loaded or made again, or examples are needed and not known.
    TypeError
        When it is neither a run nor a network with its audit.
    """
    if isinstance(what, Run):
        return _of_run(what, data, base)
    if not (isinstance(what, tuple) and len(what) == 2 and isinstance(what[0], nn.Module)):
        raise TypeError(f"export takes a run, or a network and its audit as a tuple, got {type(what).__name__}")
    network, audit = what
    origin = getattr(network, "labkit_origin", None) or {}
    if data is None:
        if origin.get("name") not in models.NAMES:
            raise ValueError("the examples of this network are not known; give them with data=")
        data = open_dataset(models.get_recipe(origin["name"]).data)
    name = f"{origin.get('name', type(network).__name__)}, {int(audit.summary['examples']):,} test examples"
    return Material(network, audit, _test_part(data), name)


def _of_run(run: Run, data: Dataset | Split | None, base: nn.Module | None) -> Material:
    """Load a stored run, or make it again where only its figures were kept."""
    if run.damaged:
        raise ValueError(f"run {run.id} is damaged: {run.damaged}")
    opened: Dataset | None = None
    network = base
    if network is None:
        network, opened = reopen(run)
    given = data if data is not None else opened if opened is not None else data_of(run)
    notes: tuple[str, ...] = ()
    store = Store(run.folder.parent)
    if run.has_weights:
        small, audit = store.load(run.id, base=network)
    else:
        made = rebuild(run, base=network, dataset=data if isinstance(data, Dataset) else opened)
        small, audit, notes = made.model, store.audit_of(run.id), (f"the network was {made.note}",)
    if small is None:
        raise ValueError(f"run {run.id} is stored without its network; make it again with the same settings")
    split = _test_part(given)
    if audit.data_id not in (None, data_id(split)):
        raise ValueError(f"run {run.id} was audited on other examples than the given ones; leave data= out, or give its own")
    return Material(small, audit, split, f"{run.model}, {label(run.method, run.parameters)} (run {run.id})", notes)


def _test_part(data: Any) -> Any:
    return getattr(data, "test", data)
