"""Progressive, cancellable audits for sliders, and exact answers from the audited grid."""

from labkit.live.background import Latest
from labkit.live.fill import fill
from labkit.live.gallery import make_gallery
from labkit.live.grid import Grid, Key, key_of, load_grid, slider_of
from labkit.live.progress import Progress
from labkit.live.progressive import progressive_audit
from labkit.live.session import Session, forget, session

__all__ = [
    "Grid",
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
]
