"""Make the runs and grids that ship with labkit."""

from __future__ import annotations

from collections.abc import Callable

from labkit import data, models
from labkit.audit import data_id, model_sha
from labkit.live.grid import SHIPPED, key_of, load_grid, make_grid, save_grid
from labkit.live.reference import known_reference, known_shas, save_reference
from labkit.runs import Run, gallery, jobs, sweep
from labkit.runs.gallery_runs import GRIDS
from labkit.training import predict

LIVE_MODELS = ("resnet_fashion", "vit_fashion")
LIVE_METHODS = ("condense", "low_rank")
LIVE_LAYERS = ("inner", "all")


def make_gallery(report: Callable[[int, int, str], None] | None = None) -> list[Run]:
    """Make the runs that ship, and the grids of condense and low_rank on the image models; existing files are kept.

    Parameters
    ----------
    report : callable (done, total, sentence), optional

    Returns
    -------
    list of Run
    """
    todo = [job for grid in GRIDS for job in jobs(grid)]
    made = sweep(todo, gallery(), weights=False, compact=True, report=report)
    for name in LIVE_MODELS:
        model, dataset = models.load(name), data.load(models.get_recipe(name).data)
        split = dataset.test
        sha, fingerprint, logits = model_sha(model), data_id(split), None
        if known_reference(sha, fingerprint, len(split.classes)) is None:
            logits = predict(model, split)
            save_reference(name, sha, fingerprint, logits)
            known_reference.cache_clear()
            known_shas.cache_clear()
        for method in LIVE_METHODS:
            for layers in LIVE_LAYERS:
                fixed = {"layers": layers}
                if load_grid(key_of(method, fixed, sha, fingerprint)) is not None:
                    continue
                logits = predict(model, split) if logits is None else logits
                save_grid(make_grid(method, model, split, logits, fixed, data=dataset, report=report), SHIPPED)
                load_grid.cache_clear()
    return made
