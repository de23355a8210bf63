"""Grids expand to what they say; a second sweep makes nothing; a failed job says which."""

import pytest

from labkit import runs
from labkit.compress import METHODS, Method, register


@pytest.fixture(autouse=True)
def restored():
    before = dict(METHODS)
    yield
    METHODS.clear()
    METHODS.update(before)


def test_a_grid_is_every_combination():
    grid = {
        "models": ["mlp_adult", "mlp_mnist"],
        "methods": {"condense": {"sparsity": [0.5, 0.9], "layers": ["all", "fc*"]}, "quantize": None},
        "seed": 3,
    }
    found = runs.jobs(grid)
    assert len(found) == 2 * (2 * 2 + 1)
    assert len({str(job) for job in found}) == len(found)
    assert {(job.model, job.data) for job in found} == {("mlp_adult", "adult"), ("mlp_mnist", "mnist")}
    assert {job.seed for job in found} == {3}
    assert found[4].parameters == {"mode": "dynamic", "layers": "all"}  # defaults are written out: they are part of the id
    short = runs.jobs({"models": "mlp_adult", "methods": "quantize"})
    assert (
        short
        == runs.jobs({"models": ["mlp_adult"], "methods": ["quantize"]})
        == runs.jobs({"models": {"mlp_adult": None}, "methods": {"quantize": {}}})
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"models": 5}, "models of a grid are a list of names.*got 5"),
        ({"models": {"mlp_adult": 3}}, "models of a grid are a list of names"),
        ({"methods": {"condense": 0.9}}, "methods of a grid are a list of names.*got {'condense': 0.9}"),
        ({"methods": [{"condense": {}}]}, "methods of a grid are a list of names"),
        ({"methods": ["condens"]}, "unknown method 'condens'; did you mean 'condense'"),
        ({"methods": {"condense": {"sparsity": []}}}, "no model or no method"),
        ({"methods": {"condense": {"sparsity": [0.5, "much"]}}}, "sparsity of condense needs a number, got 'much'"),
        ({"seed": [1, 2]}, r"one whole number, got \[1, 2\]; sweep once for each seed"),
        ({"data_options": 3}, "data_options of a grid maps names to values"),
        ({"models": ["timm:vit_tiny_patch16_224"]}, "say what data timm:vit_tiny_patch16_224 is for"),
        ({"method": ["condense"]}, "unknown key of a grid 'method'; did you mean 'methods'"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_grids_are_one_sentence(change, words):
    with pytest.raises(ValueError, match=words) as caught:
        runs.jobs({"models": ["mlp_adult"], "methods": ["condense"], **change})
    assert "\n" not in str(caught.value)


def test_a_second_sweep_makes_nothing_and_a_third_only_what_is_new(tmp_path):
    calls = []

    def apply(model, **options):
        calls.append(options["share"])
        return METHODS["condense"](model, sparsity=options["share"])

    register(
        Method(
            "counted", "Counted", "", apply, params=METHODS["condense"].params | {"share": METHODS["condense"].params["sparsity"]}
        )
    )
    store, said = runs.Store(tmp_path), []
    grid = {"models": ["mlp_adult"], "methods": {"counted": {"share": [0.5, 0.9]}}}
    first = runs.sweep(grid, store, weights=False, report=lambda *words: said.append(words))
    assert [words[:2] for words in said] == [(1, 2), (2, 2)]
    assert "share=0.9" in said[1][2]
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    second = runs.sweep(grid, store, weights=False)
    assert calls == [0.5, 0.9]
    assert [run.id for run in second] == [run.id for run in first]
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    grid["methods"]["counted"]["share"] = [0.9, 0.7, 0.5]
    third = runs.sweep(grid, store, weights=False)
    assert calls == [0.5, 0.9, 0.7]
    assert [third[0].id, third[2].id] == [first[1].id, first[0].id]
    (first[0].folder / "metrics.parquet").unlink()  # a damaged run is made again
    runs.sweep(grid, store, weights=False)
    assert calls == [0.5, 0.9, 0.7, 0.5]
    assert (first[0].folder / "metrics.parquet").exists()


def test_a_failing_job_says_which_and_keeps_the_others(tmp_path):
    store = runs.Store(tmp_path)
    grid = {"models": ["mlp_adult"], "methods": {"low_rank": {"budget": [0.5, 0.001]}}}
    with pytest.raises(ValueError, match=r"mlp_adult: low_rank\(budget=0.001.*rank 1 in every layer"):
        runs.sweep(grid, store, weights=False)
    assert list(store.table()["param.budget"]) == [0.5]
    with pytest.raises(ValueError, match="processes must be at least 1"):
        runs.sweep(grid, store, processes=0)


def test_options_may_be_lists(tmp_path):
    # groups of a CSV file come as a list from a YAML grid
    rows = ["x,y,sex,label"] + [f"{i % 7},{i % 5},{'fm'[i % 2]},{'no' if i % 3 else 'yes'}" for i in range(300)]
    path = tmp_path / "people.csv"
    path.write_text("\n".join(rows))
    job = runs.Job(
        "mlp_adult", "condense", {"sparsity": 0.5, "layers": "all"}, str(path), data_options={"target": "label", "groups": ["sex"]}
    )
    with pytest.raises(ValueError, match=r"mlp_adult does not take the examples of .*people.csv \(float32 \[1, 2\]\)"):
        runs.sweep([job], runs.Store(tmp_path / "runs"))
