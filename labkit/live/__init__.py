"""Progressive, cancellable audits for sliders, and exact answers from the audited grid."""

from labkit.live.background import Latest
from labkit.live.filling import fill
from labkit.live.gallery import make_gallery
from labkit.live.good_point import good_point
from labkit.live.grid import Grid, Key, key_of, load_grid, slider_of
from labkit.live.keeping import Keeping, keep, keeping
from labkit.live.opening import opening, start
from labkit.live.progress import Progress
from labkit.live.progressive import progressive_audit
from labkit.live.sessions import Session, forget, session

__all__ = [
    "Grid",
    "Keeping",
    "Key",
    "Latest",
    "Progress",
    "Session",
    "fill",
    "forget",
    "good_point",
    "keep",
    "keeping",
    "key_of",
    "load_grid",
    "make_gallery",
    "opening",
    "progressive_audit",
    "session",
    "slider_of",
    "start",
]
