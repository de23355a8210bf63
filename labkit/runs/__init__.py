"""Runs: stored verdicts, sweeps over grids, comparisons, recommendations."""

from labkit.runs.by_group import group_measures
from labkit.runs.compare import Comparison, compare
from labkit.runs.contrasts import contrasts, usual_settings
from labkit.runs.gallery import gallery
from labkit.runs.identity import TRAINED, run_id
from labkit.runs.library import Library, reference_rows
from labkit.runs.recommend import Recommendation, recommend
from labkit.runs.run import Run
from labkit.runs.store import Store
from labkit.runs.sweep import Job, jobs, sweep
from labkit.runs.trained import train_run

__all__ = [
    "TRAINED",
    "Comparison",
    "Job",
    "Library",
    "Recommendation",
    "Run",
    "Store",
    "compare",
    "contrasts",
    "gallery",
    "group_measures",
    "jobs",
    "recommend",
    "reference_rows",
    "run_id",
    "sweep",
    "train_run",
    "usual_settings",
]
