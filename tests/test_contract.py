"""The house plan holds: one-way imports, a light front door, the promised names."""

import ast
import importlib
import json
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest

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


ROOMS = sorted(path.parent.name for path in (ROOT / "labkit").glob("*/__init__.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_an_attribute_of_the_package(room):
    # __getattr__ itself: an import elsewhere in the tests sets the attribute too
    assert labkit.__getattr__(room) is importlib.import_module(f"labkit.{room}")
    assert room in dir(labkit)


def layer_contract():
    """Rooms in the order of the import contract, lowest last; whether each is optional."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    names = [name.strip() for layer in layers for name in layer.split("|")]
    return {name.strip("()"): name.startswith("(") for name in names}


def test_the_import_contract_places_every_room():
    modules = {path.stem for path in (ROOT / "labkit").glob("*.py")} - {"__init__", "__main__"}
    optional = layer_contract()
    assert {name for name, missing_is_fine in optional.items() if not missing_is_fine} == {*ROOMS, *modules}
    assert not {name for name, missing_is_fine in optional.items() if missing_is_fine} & {*ROOMS, *modules}


@pytest.mark.parametrize("room", ROOMS)
def test_no_exported_name_shadows_a_module(room):
    package = importlib.import_module(f"labkit.{room}")
    places = [path for path in Path(package.__file__).parent.iterdir() if not path.name.startswith("__")]
    modules = {path.stem for path in places if path.suffix == ".py" or (path / "__init__.py").is_file()}
    shadowed = {name for name in modules if not isinstance(getattr(package, name, types), types.ModuleType)}
    assert shadowed == set()


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
