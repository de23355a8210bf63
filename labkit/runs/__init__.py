"""Stored audits, sweeps over grids, comparisons and recommendations."""

from labkit.runs.audited_data import audited_split
from labkit.runs.by_group import group_measures
from labkit.runs.comparison import Comparison, compare
from labkit.runs.failures import SweepFailed, in_words
from labkit.runs.gallery_runs import gallery
from labkit.runs.grid_jobs import Job, jobs
from labkit.runs.group_comparison import compare_groups, groups_before_and_after
from labkit.runs.identity import TRAINED, run_id
from labkit.runs.library import Library
from labkit.runs.measuring import Measuring, measure_run, measure_runs
from labkit.runs.network_overview import NetworkOverview, overview
from labkit.runs.rebuilding import Rebuilt, cannot_rebuild, rebuild
from labkit.runs.recommendation import Recommendation, recommend
from labkit.runs.rule_contrasts import contrasts, usual_settings
from labkit.runs.run import Run
from labkit.runs.run_differences import differences
from labkit.runs.sources import noted, reopen, sources_of
from labkit.runs.store import Store
from labkit.runs.sweeping import sweep
from labkit.runs.timing_again import time_again
from labkit.runs.timings import SpeedChange, speed_change, timing_notes
from labkit.runs.trained import train_run
from labkit.runs.uncompressed import reference_rows
from labkit.runs.wording import left_out

__all__ = [
    "TRAINED",
    "Comparison",
    "Job",
    "Library",
    "Measuring",
    "NetworkOverview",
    "Rebuilt",
    "Recommendation",
    "Run",
    "SpeedChange",
    "Store",
    "SweepFailed",
    "audited_split",
    "cannot_rebuild",
    "compare",
    "compare_groups",
    "contrasts",
    "differences",
    "gallery",
    "group_measures",
    "groups_before_and_after",
    "in_words",
    "jobs",
    "left_out",
    "measure_run",
    "measure_runs",
    "noted",
    "overview",
    "rebuild",
    "recommend",
    "reference_rows",
    "reopen",
    "run_id",
    "sources_of",
    "speed_change",
    "sweep",
    "time_again",
    "timing_notes",
    "train_run",
    "usual_settings",
]
