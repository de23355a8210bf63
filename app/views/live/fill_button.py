"""Audit every step of a slider in the background, with progress and a way to stop it."""

from typing import Any

from common.long_work import long_work
from labkit import live
from labkit.compress import Method


def fill_button(session: live.Session, method: Method, settings: dict[str, Any], known: int) -> None:
    """Offer to audit the steps that have no result yet; draw nothing when all have one."""
    slider = live.slider_of(method.name)
    steps = len(method.sliders[slider].grid())
    others = tuple(sorted((name, value) for name, value in settings.items() if name != slider))
    rest = f"{known} of {steps} steps of this slider are audited; the remaining steps are computed on demand."
    long_work(
        "steps",
        ("steps", session.known(), method.name, method.apply, others),
        lambda cancel: live.fill(method.name, settings, session, cancel),
        label="Audit every step",
        said=rest if known < steps else "",
        words="{} of {} steps audited".format,
    )
