"""The house plan holds: one-way imports, a light front door, the promised names."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import labkit

ROOT = Path(labkit.__file__).parents[1]


def modules_after(code):
    probe = f"{code}\nimport json, sys; print(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    return set(
        json.loads(
            subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.splitlines()[-1]
        )
    )


def test_the_front_door_loads_no_heavy_library():
    heavy = {"torch", "pandas", "numpy", "timm", "plotly", "streamlit", "sklearn"}
    assert not modules_after("import labkit") & heavy
    assert not modules_after("from labkit.cli import cli\ntry: cli(['--help'])\nexcept SystemExit: pass") & heavy


def test_data_loads_no_torch():
    assert "torch" not in modules_after("from labkit import data; data.load('german')")


def test_the_table_of_models_loads_no_timm():
    # the first page of the dashboard shows it; timm costs seconds
    assert "timm" not in modules_after("from labkit import models; models.table()")


def test_rooms_are_modules():
    import types

    for room in ("data", "models", "training", "cost", "figures"):
        assert isinstance(getattr(labkit, room), types.ModuleType)


def test_front_ends_hold_no_numerics():
    forbidden = {"numpy", "scipy", "torch", "statsmodels", "sklearn"}
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & forbidden, path


def test_version_is_one():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert f"## {labkit.__version__}" in text


def test_constraints_pin_exactly_and_hold_no_address():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) > 100
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in lines)
