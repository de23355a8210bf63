"""The sliders of notebook 03, without a browser: its own cells, run here."""

import json
import time

import pandas as pd
import pytest
import torch

from labkit import compress
from labkit.compress.mlps import find_mlps
from labkit.cost import bytes_by_kind


@pytest.fixture(scope="module")
def cells(cells_of):
    return cells_of("03_fips")


@pytest.fixture(scope="module")
def notebook(cells):
    """The names of the notebook after its first six sections, the measurements of section 4 left out."""
    with cells.opened() as names:
        cells.run(cells.sections(0, 4), names)
        cells.run([source.split("\ngains = ")[0] for source in cells.sections(4, 5)], names)
        yield cells.run(cells.sections(5, 7), names)


def shown_accuracies(notebook):
    """Closed form -> what its marker of the present setting shows, the last one."""
    return {trace.name: trace.y[-1] / 100 for trace in notebook["over_bytes"].data}


def shown_settings(notebook):
    """Closed forms of which the latest setting is drawn."""
    here = "budget 0.05, sparsity 0.5, 8 blocks"
    return [trace.name for trace in notebook["over_bytes"].data if trace.text[-1] == here]


def test_what_the_sliders_show_is_the_network_they_ask_for(notebook):
    """Rank, bytes and both accuracies against a network made here."""
    notebook["sparsity"].value, notebook["budget"].value, notebook["groups"].value = 0.5, 0.05, "8"
    latest, model, paths = notebook["latest"], notebook["model"], notebook["paths"]
    assert latest.wait(500)
    answer = latest.answer
    assert answer["setting"] == (0.05, 0.5, 8)
    deadline = time.monotonic() + 300
    rank = f"rank {answer['rank']}"
    while notebook["who_shares"].data[1].text != (rank,) or len(shown_settings(notebook)) < 2:
        assert time.monotonic() < deadline, "the figures do not follow the sliders"
        time.sleep(0.02)
    settings = {"budget": 0.05, "budget_kind": "bytes", "sparsity": 0.5, "groups": 8, "calibration": notebook["images"]}
    for init, title in notebook["INITS"].items():
        small = compress.fips(model, init=init, **settings)
        assert small.fips["ranks"] == [answer["rank"]]
        with torch.no_grad():
            outputs = small(notebook["judges"].inputs())
        right = (outputs.argmax(1).numpy() == notebook["judges"].labels).mean()
        assert answer["audits"][init]["accuracy"] == pytest.approx(right, abs=0.002)
        assert shown_accuracies(notebook)[title] == pytest.approx(right, abs=0.002)
    held = torch.nn.ModuleList([small.get_submodule(path) for path in paths])
    biases = sum(layer.out_features for layer in held) * 4
    assert answer["share"] == pytest.approx((sum(bytes_by_kind(held).values()) - biases) / (4 * notebook["weights"]))
    assert f"{100 * answer['share']:.1f} %" in notebook["numbers"].value


def test_an_answer_comes_soon_after_the_last_of_many_moves(notebook):
    latest, budget = notebook["latest"], notebook["budget"]
    assert latest.wait(500)
    for index in (0, 5, 2, 9, 3, 7, 1, 4):
        budget.index = index
        time.sleep(0.05)
    began = time.monotonic()
    while latest.answer is None or latest.answer["setting"][0] != budget.value or not latest.answer["audits"]:
        assert time.monotonic() < began + 100, "skipped values are computed"
        time.sleep(0.01)
    assert latest.wait(500)


def test_the_picture_has_as_many_rows_as_the_rank_says(notebook):
    for sparsity in (0, 0.9):
        notebook["factorize"](sparsity)
        basis, *others = notebook["apart"].data
        factors = [trace.z for trace in others[1::2]]
        (rank,) = {len(factor) for factor in factors}
        assert basis.z.shape == (128, rank)
        nonzeros = sum((factor != 0).sum() for factor in factors) / sum(factor.size for factor in factors)
        assert nonzeros == pytest.approx(1 - sparsity, abs=0.03)  # some columns are drawn


def test_rotated_blocks_have_a_smaller_common_part(notebook):
    found = notebook["spectrum"]
    assert len(find_mlps(notebook["model"])) == 8
    assert (found["8, rotated"] ** 2).sum() == pytest.approx((found["8 blocks"] ** 2).sum(), rel=1e-3)
    assert found["8, rotated"].iloc[0] < found["8 blocks"].iloc[0]


ROWS = [
    {"what": "speed", "network": "4 blocks of DeiT-B", "method": "dense", "budget": 0.25, "seed": 0, "median_ms": 1.0},
    {"what": "quality", "network": "n", "method": "fips 75 %, fitted", "budget": 0.1, "seed": 0, "quality": 0.8, "dense": 0.9},
    {"what": "quality", "network": "n", "method": "fips 75 %, fitted", "budget": 0.1, "seed": 1, "quality": 0.82, "dense": 0.9},
    {"what": "quality", "network": "n", "method": "magnitude", "budget": 0.1, "seed": 0, "quality": 0.7, "dense": 0.9},
    {"what": "quality", "network": "n", "method": "magnitude", "budget": 0.01, "seed": 0, "refused": "too small"},
]


@pytest.mark.parametrize("count", [None, 0, 1, 2, len(ROWS)])
def test_the_benchmark_is_drawn_as_far_as_it_has_been_measured(cells, notebook, count, tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    if count is not None:
        (tmp_path / "benchmarks" / "results").mkdir(parents=True)
        (tmp_path / "benchmarks" / "results" / "fips.json").write_text(json.dumps({"rows": ROWS[:count]}))
    *_, source = cells.sections(8, 9)
    names = cells.run([source], dict(notebook))
    known = pd.DataFrame(ROWS[:count] if count else [], columns=[*ROWS[1]]).dropna(subset="quality")
    means = known.groupby("method")["quality"].mean()
    drawn = {trace.meta: trace for trace in names["lines"].data}
    assert {name: trace.y[0] for name, trace in drawn.items()} == pytest.approx((100 * means).to_dict())
    if count == len(ROWS):
        assert drawn["fips 75 %, fitted"].error_y.array[0] > 1
        assert not drawn["magnitude"].error_y.array[0] > 0
        assert len({trace.line.dash for trace in drawn.values()}) == 2
