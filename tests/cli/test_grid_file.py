"""A grid file is read whole or refused in one sentence with its line, quickly, whatever it holds."""

import json
import time

import pytest

from labkit import runs
from labkit.cli.grid_file import read_grid

BOMB = "a0: &a0 [x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))

REFUSED = {
    "models: [mlp_adult]\nmethods:\n  condense: {sparsity: 0.5}\n  condense: {sparsity: 0.9}\n": (
        "line 4 cannot be read as YAML: the key 'condense' is given twice (first in line 3)"
    ),
    "models: [a]\nmodels: [b]\n": "line 2 cannot be read as YAML: the key 'models' is given twice (first in line 1)",
    "methods:\n  condense:\n    sparsity: 0.5\n    'sparsity': 0.9\n": "line 4 cannot be read as YAML: the key 'sparsity'",
    "- {1: a, true: b}\n": "the key True is given twice",
    "a: !!set {x, x}\n": "the key 'x' is given twice",
    BOMB: "more than 100,000 values, with what its aliases repeat",
    "a: &a [*a]\n": "the alias *a stands inside what it names",
    "[" * 5000: "nested more than 30 levels deep",
    "[" * 5000 + "]" * 5000: "nested more than 30 levels deep",
    "{a: " * 5000: "nested more than 30 levels deep",
    "".join(f"{' ' * n}a:\n" for n in range(300)): "nested more than 30 levels deep",
    "when: 2026-13-45\n": "line 1 cannot be read as YAML: '2026-13-45' is no valid timestamp",
    "a: 1\nwhen: 2026-01-01 25:61:00\n": "line 2 cannot be read as YAML: '2026-01-01 25:61:00' is no valid timestamp",
    "a: !!timestamp soon\n": "is no valid timestamp",
    "a: !!int many\n": "'many' is no valid int",
    "a: !!float [1]\n": "line 1 cannot be read as YAML: expected a scalar node",
    "a: !!bool perhaps\n": "'perhaps' is no valid bool",
    "a: " + "9" * 5000 + "\n": "is no valid int",
    "a: !!binary é\n": "line 1 cannot be read as YAML: failed to convert base64 data into ascii",
    "a: !!python/object/apply:os.system [exit]\n": "could not determine a constructor",
    "{[1]: 2}\n": "found unhashable key",
    "a: *nowhere\n": "found undefined alias",
    "a: 1\n--- \nb: 2\n": "expected a single document",
    "a: [1\n": "expected ',' or ']'",
    "a: \x00\n": "special characters are not allowed",
}


@pytest.mark.parametrize(("text", "words"), REFUSED.items(), ids=[text[:12] for text in REFUSED])
def test_what_cannot_be_read_whole_is_refused(tmp_path, text, words):
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(ValueError, match=r"grid\.yaml") as caught:
        read_grid(str(path))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600 + len(str(path))
    assert time.process_time() - began < 1.5


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "large.yaml").write_text("# " + "x" * 10**6)
    (tmp_path / "latin.yaml").write_bytes("models: [a]\n# Maß\n".encode("latin-1"))
    for name, words in {
        "large": "larger than 1,000,000 bytes",
        "latin": "line 2 is not YAML: it is not UTF-8",
        "no": "exist",
    }.items():
        with pytest.raises(ValueError, match=words):
            read_grid(str(tmp_path / f"{name}.yaml"))
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        read_grid(str(tmp_path))


def test_what_is_right_is_read(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text("\ufeffa: &a {x: 1, y: [1, 2]}\nb: {<<: *a, x: 2}\nc: {d: &d {<<: *a, x: 3}}\ne: {<<: *d}\nf: [*a, *a]\n")
    assert read_grid(str(path)) == {
        "a": {"x": 1, "y": [1, 2]},
        "b": {"x": 2, "y": [1, 2]},
        "c": {"d": {"x": 3, "y": [1, 2]}},
        "e": {"x": 3, "y": [1, 2]},
        "f": [{"x": 1, "y": [1, 2]}] * 2,
    }


def test_a_grid_of_too_many_runs_is_refused_before_it_is_built():
    many = list(range(1, 301))
    wide = {"sparsity": many, "layers": list(map(str, many)), "exclude": ["a"] * 12, "x": many}
    began = time.process_time()
    for key in ("methods", "rules"):
        with pytest.raises(ValueError, match=r"more than 10,000 runs: \w+ alone has 300 values of sparsity x 300") as caught:
            runs.jobs({"models": ["mlp_adult"], key: {"condense" if key == "methods" else "srigl": wide}})
    assert len(str(caught.value)) < 400
    assert time.process_time() - began < 1
    with pytest.raises(ValueError, match="more than 10,000 runs"):
        runs.jobs(
            {"models": [f"timm:{n}" for n in range(200)], "methods": {"condense": {"sparsity": [n / 100 for n in range(1, 60)]}}}
        )


VALUES = ["{a: {b: 1}}", "2026-01-01", "!!binary aGk=", "!!set {a}", ".nan", ".inf", "9" * 400, "[[0.5]]", "~", "yes"]
PLACES = [
    "models: [mlp_adult]\nmethods: {condense: {sparsity: %s}}",
    "models: [mlp_adult]\nmethods: {condense: {layers: %s}}",
    "models: [mlp_adult]\nmethods: {quantize: {mode: %s}}",
    "models: [mlp_adult]\nmethods: {condense: %s}",
    "models: %s\nmethods: [condense]",
    "models: [%s]\nmethods: [condense]",
    "models: [mlp_adult]\nmethods: [condense]\nmeasures: %s",
    "models: [mlp_adult]\nmethods: [condense]\nseed: %s",
    "models: [mlp_adult]\nmethods: [condense]\ndata: %s",
    "models: [mlp_adult]\nmethods: [condense]\ndata_options: %s",
    "models: [mlp_adult]\nrules: {srigl: {exclude: %s, epochs: 1}}",
    "models: [mlp_adult]\nrules: {srigl: {epochs: %s}}",
    "%s: [mlp_adult]",
    "%s",
]


@pytest.mark.parametrize("place", PLACES)
def test_values_of_any_type_are_a_grid_or_one_sentence(tmp_path, place):
    path = tmp_path / "grid.yaml"
    for value in VALUES:
        path.write_text(place % value)
        refused, found = "", []
        try:
            found = runs.jobs(read_grid(str(path)))
        except ValueError as error:
            refused = str(error)
        assert "\n" not in refused
        assert len(refused) < 1500
        assert all(isinstance(job.data, str) for job in found)
        json.dumps([job.parameters for job in found], allow_nan=False)
