"""Progressive, cancellable audits for sliders, and exact answers from the audited grid."""

from labkit.live.background import Latest
from labkit.live.filling import fill
from labkit.live.first_view import opening, start
from labkit.live.gallery import make_gallery
from labkit.live.good_points import good_point
from labkit.live.grid import Grid, Key, key_of, load_grid, slider_of
from labkit.live.jobs import Job, Jobs
from labkit.live.keep_run import Keeping, keep, keeping
from labkit.live.own_training import SmallTraining, weights_place
from labkit.live.paths import is_weights, matches, resolved
from labkit.live.progress import Progress, time_left
from labkit.live.progressive import progressive_audit
from labkit.live.sessions import Session, forget, session

__all__ = [
    "Grid",
    "Job",
    "Jobs",
    "Keeping",
    "Key",
    "Latest",
    "Progress",
    "Session",
    "SmallTraining",
    "fill",
    "forget",
    "good_point",
    "is_weights",
    "keep",
    "keeping",
    "key_of",
    "load_grid",
    "make_gallery",
    "matches",
    "opening",
    "progressive_audit",
    "resolved",
    "session",
    "slider_of",
    "start",
    "time_left",
    "weights_place",
]
