"""Methods from outside: an installed package's entry point, and plugin files that go wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

import labkit
from labkit import compress

TOY = """
from copy import deepcopy
from labkit.compress import Method, Param, register

register(Method("toy_entry", "Toy", "none", lambda model, **_: deepcopy(model), {"strength": Param(0.0, 1.0, default=0.5)}))
"""


def test_an_installed_package_is_found_by_its_entry_point(tmp_path):
    (tmp_path / "toy_package.py").write_text(TOY)
    facts = tmp_path / "toy_package-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-package\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[labkit.methods]\ntoy = toy_package\nbroken = no_such_module\nquits = quits\n")
    (tmp_path / "quits.py").write_text("import sys; sys.exit(0)")
    code = "from labkit.compress import METHODS; print(METHODS['toy_entry'].settings({}))"
    path = f"{tmp_path}:{Path(labkit.__file__).parents[1]}"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": path})
    assert answer.stdout.strip() == "{'strength': 0.5}"
    assert "broken" in answer.stderr  # said, and no obstacle
    assert "quits (quits) of labkit.methods cannot be loaded: it called sys.exit(0)" in answer.stderr


HALF = "from labkit import compress; compress.register(compress.Method('half', 't', 'p', lambda m, **_: m)); raise SystemExit"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "registers nothing"),
        ("1 / 0", "ZeroDivisionError"),
        ("def", "SyntaxError"),
        (None, "does not exist"),
        ("import sys; sys.exit(0)", r"failed: it called sys.exit\(0\)"),
        ("raise SystemExit('done')", r"failed: it called sys.exit\('done'\)"),
        ("class End(BaseException): ...\nraise End('over')", "failed: End: over"),
        ("def f(): f()\nf()", "failed: RecursionError"),
        ("raise ValueError('x' * 10**6)", r"characters more\)$"),
        ("class Mute(Exception):\n    def __str__(self): 1 / 0\nraise Mute", "failed: Mute$"),
        ("x = '\0'", "failed: (SyntaxError|ValueError)"),
        (HALF, r"failed: it called sys.exit\(None\)"),
    ],
    ids=lambda value: str(value)[:20].encode("unicode_escape").decode(),
)
def test_a_plugin_that_goes_wrong_is_one_sentence(tmp_path, text, words):
    if text is not None:
        (tmp_path / "p.py").write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        compress.load_plugin(tmp_path / "p.py")
    assert "p.py" in str(caught.value)
    assert len(str(caught.value)) < 700
    assert "half" not in compress.METHODS


def test_ctrl_c_in_a_plugin_is_ctrl_c(tmp_path):
    (tmp_path / "p.py").write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        compress.load_plugin(tmp_path / "p.py")


def test_only_methods_can_be_registered():
    with pytest.raises(TypeError, match=r"labkit\.compress\.Method, got str"):
        compress.register("condense")
    with pytest.raises(ValueError, match="identifier"):
        compress.register(compress.Method("no good", "t", "p", lambda m, **_: m))
    with pytest.raises(ValueError, match="needs a data set to learn from"):
        compress.Method("m", "t", "p", lambda m, **_: m, needs="training")(None)


def test_places_that_are_no_file_are_said(tmp_path):
    (tmp_path / "circle.py").symlink_to(tmp_path / "circle.py")
    for name in ("circle.py", "a\0b.py", "a\nb.py", "x" * 1_000_000):
        with pytest.raises(ValueError, match="does not exist") as caught:
            compress.load_plugin(f"{tmp_path}/{name}")
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 600
