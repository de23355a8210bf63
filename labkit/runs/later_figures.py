"""Figures that audits have today, computed on reading for runs that were stored before.

Nothing in the folder of a run is changed: figures follow from its class table and predictions, and, for groups, from the data.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from labkit.audit import Measured
from labkit.audit.assemble import flat
from labkit.audit.measures.harm import counts_of
from labkit.audit.verdicts import with_verdicts

SIGN = "harmed_classes"  # held by every summary with a reference since verdicts are stored


def with_class_verdicts(folder: Path, summary: dict[str, Any]) -> dict[str, Any]:
    """Add the counts of harmed and unclear classes to the summary of a run.

    Parameters
    ----------
    folder : Path
        Of the run.
    summary : dict
        As in ``run.json``.

    Returns
    -------
    dict
        The same where it has them, or where no reference was audited.
    """
    if SIGN in summary or "worst_class_change" not in summary:
        return summary
    try:
        facts = json.loads((folder / "audit.json").read_text())
        table = with_verdicts(pd.DataFrame(facts["per_class"]).set_index("class").astype(float), level=facts["level"])
        return summary | flat(Measured(counts_of(table, "classes")))
    except (OSError, ValueError, KeyError, TypeError):  # damaged: said where the run is read as a whole
        return summary
