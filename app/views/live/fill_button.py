"""Audit every step of a slider in the background, with progress and a way to stop it."""

from typing import Any

from common.long_work import long_work
from labkit import live
from labkit.compress import Method


def fill_button(session: live.Session, method: Method, settings: dict[str, Any]) -> None:
    """Offer to audit the steps that have no result yet; draw nothing when all have one.

    Count the steps for figures after this: where it says that the work has ended, they are all there.
    """
    slider = live.slider_of(method.name)
    steps = len(method.sliders[slider].grid())
    others = tuple(sorted((name, value) for name, value in settings.items() if name != slider))

    def rest() -> str:
        known = len(session.steps(method, settings))
        return (
            f"{known} of {steps} steps of this slider are audited; the remaining steps are computed on demand."
            if known < steps
            else ""
        )

    long_work(
        "steps",
        ("steps", session.known(), method.name, method.apply, others),
        lambda cancel: live.fill(method.name, settings, session, cancel),
        label="Audit every step",
        said=rest,
        words="{} of {} steps audited".format,
    )
