"""A session answers from the grid without waiting for the network, knows its steps, and hands calibration data on."""

import json
import subprocess
import sys

import polars
import pytest

from labkit import compress, data, live, models, runs
from labkit.audit import data_id, model_sha
from labkit.compress import METHODS, Method, Param, register
from labkit.live.grid import SHIPPED

LAZY = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
from labkit import data, live
split = data.load("fashion_mnist").test
place = live.Session("vit_fashion", split)
print(len(place.steps("low_rank", {"layers": "inner"})), "timm" in sys.modules)
print(*[step.source for step in live.progressive_audit("low_rank", {"budget": 0.5}, split, model=place)], "timm" in sys.modules)
first = next(live.progressive_audit("low_rank", {"budget": 0.51, "layers": "blocks.7.*"}, split, first=8, model=place, seconds=0))
print(first.source, "timm" in sys.modules)
"""


@pytest.mark.slow
def test_what_the_grid_answers_waits_neither_for_timm_nor_for_the_network():
    done = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "20 False",
        "grid False",
        "loaded vit_fashion with weights of vit_fashion.safetensors",  # only what no grid holds
        "computed True",
    ]


@pytest.fixture(scope="module")
def garments():
    return data.load("fashion_mnist").test


@pytest.fixture(scope="module")
def digits():
    return data.load("mnist").test.subset(slice(0, 150))


@pytest.fixture
def registered():
    before = dict(METHODS)
    yield register
    METHODS.clear()
    METHODS.update(before)


@pytest.mark.parametrize("model", ["resnet_fashion", "vit_fashion"])
@pytest.mark.parametrize(("method", "count"), [("condense", 50), ("low_rank", 20)])
def test_steps_are_those_of_the_shipped_file(garments, model, method, count):
    place = live.Session(model, garments)
    known = place.steps(method, {"layers": "inner"})
    key = live.key_of(method, {"layers": "inner"}, model_sha(models.load(model)), data_id(garments))
    file = polars.read_parquet(SHIPPED / key.file, columns=["value", "summary"])
    stored = {value: json.loads(text) for value, text in file.iter_rows()}
    assert len(known) == count
    assert list(known) == sorted(stored)
    for value, summary in known.items():
        held = summary.to_dict()  # with what later measures conclude from it
        assert {name: held[name] for name in stored[value]} == stored[value]


@pytest.mark.parametrize("layers", ["inner", "all"])
def test_steps_agree_with_the_runs_of_the_gallery(garments, layers):
    # made on another day by another program: the sweep
    table = runs.gallery().table().query("model == 'resnet_fashion' and method == 'low_rank' and `param.layers` == @layers")
    known = live.Session("resnet_fashion", garments).steps("low_rank", {"layers": layers})
    assert len(table) == 3
    for run in table.itertuples():
        row = known[table.loc[run.Index, "param.budget"]]
        assert row["accuracy"] == pytest.approx(run.accuracy, abs=3e-4)
        assert (row["bytes"], row["macs"], row["parameters"]) == (run.bytes, run.macs, run.parameters)


def test_another_split_has_no_grid(garments):
    assert live.Session("resnet_fashion", garments.subset(slice(0, 50))).steps("condense", {}) == {}


def test_a_finished_audit_becomes_a_step_and_a_begun_one_does_not(digits):
    place = live.Session("mlp_mnist", digits)
    for settings in ({"sparsity": 0.8}, {"sparsity": 0.655}):
        next(live.progressive_audit("condense", {**settings}, digits, first=50, model=place, seconds=0))
    assert place.steps("condense", {}) == {}
    last = list(live.progressive_audit("condense", {"sparsity": 0.8}, digits, model=place, seconds=0))[-1]
    list(live.progressive_audit("condense", {"sparsity": 0.655}, digits, model=place, seconds=0))
    known = place.steps("condense", {"sparsity": 0.5})
    assert list(known) == [0.655, 0.8]
    assert known[0.8].equals(last.audit.summary)
    assert place.steps("condense", {"layers": "inner"}) == {}
    assert place.steps("low_rank", {}) == {}


@pytest.mark.slow
def test_a_finished_audit_stands_among_the_steps_of_the_grid(garments):
    place = live.Session("resnet_fashion", garments)
    before = place.steps("low_rank", {"layers": "inner"})
    settings = {"layers": "inner", "budget": 0.33}
    last = list(live.progressive_audit("low_rank", settings, garments, first=10_000, model=place, seconds=0))[-1]
    known = place.steps("low_rank", settings)
    assert list(known) == sorted([*before, 0.33])
    assert known[0.33]["accuracy"] == last.audit.summary["accuracy"]
    assert known[0.3]["bytes"] < known[0.33]["bytes"] < known[0.35]["bytes"]


def test_a_method_without_a_slider_has_no_steps(digits):
    assert live.Session("mlp_mnist", digits).steps("quantize", {}) == {}


def test_what_is_not_live_is_no_slider_but_tells_steps_apart(registered, digits):
    def apply(model, *, data=None, seed=0, progress=None, rounds, share):
        return compress.condense(model, sparsity=share)

    params = {"rounds": Param(0, 9, 0, step=1, live=False), "share": Param(0.1, 0.9, 0.5, step=0.4)}
    registered(Method("toy_rounds", "Toy", "none", apply, params))
    place = live.Session("mlp_mnist", digits)
    assert live.slider_of("toy_rounds") == "share"
    assert list(live.fill("toy_rounds", {}, place))[-1] == (3, 3)
    assert list(place.steps("toy_rounds", {})) == [0.1, 0.5, 0.9]
    assert place.steps("toy_rounds", {"rounds": 1}) == {}


def test_an_answer_tells_which_layers_share_a_basis_also_from_memory(garments):
    few, calibration = garments.subset(slice(0, 40)), data.load("fashion_mnist").validation.subset(slice(0, 64))
    place = live.Session("vit_fashion", few, calibration)
    wanted = compress.sharing(compress.fips(models.load("vit_fashion"), budget=0.1, calibration=calibration))
    computed = list(live.progressive_audit("fips", {"budget": 0.1}, few, first=20, model=place, seconds=0))
    (known,) = live.progressive_audit("fips", {"budget": 0.1}, few, model=place)
    assert [(answer.examples, answer.source) for answer in (*computed, known)] == [
        (20, "computed"),
        (40, "computed"),
        (40, "memory"),
    ]
    assert all(answer.tables["sharing"].equals(wanted) for answer in (*computed, known))
    assert next(live.progressive_audit("condense", {}, few, model=place, seconds=0)).tables == {}


def test_an_unknown_method_is_one_sentence(digits):
    with pytest.raises(ValueError, match="did you mean 'condense'"):
        live.Session("mlp_mnist", digits).steps("condens", {})


def toy(needs, given):
    def apply(model, *, data=None, seed=0, progress=None, share):
        given.append(data)
        return compress.condense(model, sparsity=share)

    return Method("toy_calibrated", "Toy", "none", apply, {"share": Param(0.1, 0.9, 0.5, step=0.4)}, needs=needs)


@pytest.mark.parametrize(("needs", "handed"), [("calibration", True), ("nothing", False)])
def test_calibration_data_go_to_the_methods_that_ask_for_them(registered, digits, needs, handed):
    given, few = [], data.load("mnist").train.subset(slice(0, 20))
    registered(toy(needs, given))
    place = live.Session("mlp_mnist", digits, few)
    assert list(live.progressive_audit("toy_calibrated", {}, digits, model=place, seconds=0))[-1].exact
    assert list(live.fill("toy_calibrated", {}, place))[-1] == (3, 3)
    assert len(given) == 3
    assert all(data is (few if handed else None) for data in given)


def test_absent_calibration_data_are_one_sentence(registered, digits):
    registered(toy("calibration", []))
    place = live.Session(models.load("mlp_mnist"), digits)  # a network of the user's own, for all that is known
    with pytest.raises(ValueError, match=r"toy_calibrated needs calibration inputs, .*open the session with one") as caught:
        next(live.progressive_audit("toy_calibrated", {}, digits, model=place))
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="toy_calibrated needs calibration inputs"):
        list(live.fill("toy_calibrated", {}, place))


def test_a_reference_model_finds_its_own_data_set(garments):
    few = garments.subset(slice(0, 40))
    found = list(live.progressive_audit("fips", {"budget": 0.1}, few, model="vit_fashion", seconds=0))[-1]
    wanted = compress.sharing(compress.fips(models.load("vit_fashion"), budget=0.1, calibration=data.load("fashion_mnist").train))
    assert found.exact
    assert found.tables["sharing"].equals(wanted)


def test_a_method_that_must_train_is_refused_before_anything_runs(digits):
    given = []
    with pytest.raises(ValueError, match="toy_calibrated has to train"):
        live.progressive_audit(toy("training", given), {}, digits, model="mlp_mnist")
    assert given == []


def test_a_session_is_shared_by_model_split_and_calibration(digits):
    live.forget()
    few = data.load("mnist").train.subset(slice(0, 20))
    plain = live.session("mlp_mnist", digits)
    assert live.session("mlp_mnist", digits) is plain
    with_inputs = live.session("mlp_mnist", digits, few)
    assert with_inputs.calibration is few
    assert live.session("mlp_mnist", digits, few) is with_inputs
    assert live.session("mlp_mnist", digits) is plain
    assert live.session("mlp_mnist", digits.subset(slice(0, 9))) is not plain
    live.forget()
    assert live.session("mlp_mnist", digits) is not plain


def test_the_fingerprint_is_that_of_the_network(digits):
    network = models.load("mlp_mnist")
    wanted = model_sha(network)
    assert live.Session("mlp_mnist", digits).sha == live.Session(network, digits).sha == wanted
    assert live.Session("vit_fashion", digits).sha == model_sha(models.load("vit_fashion"))
