"""The texts in an exported folder: the loading script and the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labkit.audit import Audit
    from labkit.export.checking import Check
    from labkit.export.format import Format

HEAD = '''"""Load {what} and compare its outputs with those stored in samples.npz.

Format: {title}. It needs {needs}.
"""

from pathlib import Path

import numpy as np
'''
PLACE = """
HERE = Path(__file__).resolve().parent
CLASSES = {classes}
"""
MAIN = """

if __name__ == "__main__":
    samples = np.load(HERE / "samples.npz")
    found = predict(samples["inputs"])
    print("classes:", [CLASSES[i] for i in found.argmax(-1)])
    print("largest difference to the stored outputs:", float(np.abs(found - samples["outputs"]).max()))
"""


def loading_script(kind: Format, what: str, classes: tuple[str, ...]) -> str:
    """Return the source of ``load.py``.

    Parameters
    ----------
    kind : Format
    what : str
        What is loaded, in words.
    classes : tuple of str

    Returns
    -------
    str
    """
    imports, _, body = kind.script.strip("\n").partition("\n\n\n")
    standard = [line for line in imports.splitlines() if line == "import json"]
    others = "\n".join(line for line in imports.splitlines() if line and line not in standard)
    head = HEAD.format(what=what.replace('"', "'").replace("\\", "/"), title=kind.title, needs=kind.needs)
    head = head.replace("from pathlib", "\n".join([*standard, "from pathlib"])) if standard else head
    return f"{head}{others}\n{PLACE.format(classes=list(classes))}\n\n{body.rstrip()}\n{MAIN}"


def readme(kind: Format, what: str, audit: Audit, notes: tuple[str, ...], check: Check) -> str:
    """Return the text of ``README.md``.

    Parameters
    ----------
    kind : Format
    what : str
    audit : Audit
    notes : tuple of str
    check : Check

    Returns
    -------
    str
    """
    notes = (*notes, f"check: {check.sentence()}")
    lines = [
        f"# {what}",
        "",
        f"{kind.title}: `{kind.file}`. Load it with `load.py`, which needs {kind.needs}; `python load.py` compares its outputs "
        "with the stored ones.",
        "",
        f"Audited on {int(audit.summary['examples']):,} test examples; every figure is in `audit.json`, and `samples.npz` holds "
        "inputs, outputs and labels of some of these examples.",
        "",
        *(f"- {note}" for note in notes),
    ]
    return "\n".join(lines) + "\n"
