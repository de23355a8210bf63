"""What pyproject.toml declares is what the code imports."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.install.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# declared, though no file of labkit or app imports it
UNSEEN = {
    "captum": "attribution: no code yet",
    "cvxpy": "robustness: no code yet",
    "torch-geometric": "graphs: no code yet",
    "anywidget": "plotly.graph_objects.FigureWidget imports it",
    "jupyterlab": "runs the notebooks",
    "onnx": "onnxscript writes it",
    "onnxruntime": "an exported network's loading script imports it",
    "jupytext": "pairs notebooks with scripts",
}
# imported inside a `try`: torch brings it where it exists (Linux with CUDA), and labkit works without it
GUARDED = {"triton"}
# imported by the writer of a format of `labkit export`, which says what to install where it is missing
ASKED_FOR = {"onnxscript"}


def names(requirements):
    """Distributions that requirements name."""
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def imported_by(*folders):
    """Distributions that the files of these folders import, labkit's own and the standard library left out."""
    owners = packages_distributions()
    own = {"labkit", "tests", "tools"} | {
        path.stem for folder in ("app", "notebooks", "tools") for path in (ROOT / folder).iterdir()
    }
    found = set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                modules += [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
                # import_module("triton") is an import too
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
                    first = node.args[0]
                    modules += [first.value] if isinstance(first, ast.Constant) and isinstance(first.value, str) else []
                tops = {module.split(".")[0] for module in modules} - own - set(sys.stdlib_module_names)
                assert tops <= set(owners), f"{path.relative_to(ROOT)} imports what is not installed: {tops - set(owners)}"
                found |= {canonicalize_name(owner) for top in tops for owner in owners[top]}
    return found


def test_the_library_imports_only_what_it_declares():
    assert imported_by("labkit") - GUARDED - ASKED_FOR <= names(PROJECT["dependencies"])


@pytest.mark.parametrize(("folder", "extra"), [("app", "app"), ("notebooks", "notebooks"), ("tests", "dev"), ("tools", "dev")])
def test_other_code_imports_only_what_its_extra_declares(folder, extra):
    allowed = names([*PROJECT["dependencies"], *EXTRAS[extra]])
    if folder in ("tests", "tools"):  # they exercise everything
        allowed |= names(text for name, texts in EXTRAS.items() if name != "all" for text in texts)
    assert imported_by(folder) - GUARDED <= allowed


def test_everything_declared_is_imported_or_has_a_reason():
    assert names(PROJECT["dependencies"]) <= imported_by("labkit", "app")
    front_ends = names(
        text for extra in ("app", "notebooks", "attribution", "export", "robustness", "graphs") for text in EXTRAS[extra]
    )
    unseen = front_ends - imported_by("labkit", "app", "notebooks")
    assert unseen == set(UNSEEN)


def test_all_brings_every_extra_but_the_encoder_of_one_benchmark():
    (whole,) = EXTRAS["all"]
    assert Requirement(whole).extras == set(EXTRAS) - {"all", "minilm"}


def test_every_declared_package_has_an_exact_version():
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    declared = names(text for extra, texts in EXTRAS.items() if extra not in ("all", "minilm") for text in texts)
    missing = (declared | names(PROJECT["dependencies"])) - {canonicalize_name(name) for name in pinned}
    assert not missing, f"run tools/constraints.py: {missing}"
