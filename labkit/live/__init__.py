"""Progressive, cancellable audits for sliders, and exact answers from the audited grid."""

from labkit.live.background import Latest
from labkit.live.filling import fill
from labkit.live.gallery import make_gallery
from labkit.live.grid import Grid, Key, key_of, load_grid, slider_of
from labkit.live.jobs import Job, Jobs
from labkit.live.progress import Progress, time_left
from labkit.live.progressive import progressive_audit
from labkit.live.sessions import Session, forget, session

__all__ = [
    "Grid",
    "Job",
    "Jobs",
    "Key",
    "Latest",
    "Progress",
    "Session",
    "fill",
    "forget",
    "key_of",
    "load_grid",
    "make_gallery",
    "progressive_audit",
    "session",
    "slider_of",
    "time_left",
]
