"""The Training page: what the benchmark's rows and the stored trainings say."""

import base64
import io
import json

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from scipy import stats

from labkit import runs, sparsify
from tests.app.conftest import dashboard, place_of

# accuracies of seeds 0, 1, …; SRigL is 0.02 better than RigL with a little noise, and has nothing clear beside "no ablation"
ACCURACIES = {
    ("dense", 0.0): [0.95, 0.96, 0.97],
    ("rigl", 0.9): [0.90, 0.91, 0.92],
    ("srigl", 0.9): [0.92, 0.931, 0.941],
    ("srigl_no_ablation", 0.9): [0.91, 0.95, 0.93],
    ("gmp", 0.9): [0.94],
    ("srigl", 0.98): [0.85],
    ("rigl", 0.98): [0.86],
}
SHARE = {"dense": 1.0, "rigl": 0.2, "srigl": 0.19, "srigl_no_ablation": 0.18, "gmp": 0.5}
USUAL, OTHER = 0.95, 0.3


def row(network, rule, sparsity, seed, accuracy, gamma=USUAL):
    """One training as the benchmark writes it."""
    found = {"network": network, "rule": rule, "sparsity": sparsity, "seed": seed, "accuracy": accuracy, "epochs": 1}
    found |= {"gamma_sal": gamma if rule == "srigl" else None, "run": "?", "seconds": 1.0}
    found |= {"training_gflops": 50 * SHARE[rule], "dense_training_gflops": 50.0}
    found |= {"inference_mflops": 10 * (1 - sparsity), "dense_inference_mflops": 10.0}
    if rule == "dense":
        return found
    kept = 75 if rule == "srigl" else 100
    return found | {
        "nonzeros": 1234,
        "active": kept,
        "neurons_at_first": 100,
        "explored": 0.5,
        "fan_in_min": 2.0,
        "fan_in_max": 64.0,
    }


def rows(network="resnet_fashion"):
    return [
        row(network, rule, sparsity, seed, accuracy)
        for (rule, sparsity), accuracies in ACCURACIES.items()
        for seed, accuracy in enumerate(accuracies)
    ]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A store with trainings as `labkit train mlp_adult --sparsify …` makes them."""
    store = runs.Store(tmp_path_factory.mktemp("trained"))
    for seed in (0, 1):
        for rule, settings in (("srigl", {}), ("rigl", {}), ("static", {}), ("dense", {})):
            runs.train_run("mlp_adult", rule, store, epochs=1, seed=seed, progress=False, **settings)
    runs.train_run("mlp_adult", "srigl", store, epochs=1, gamma_sal=0.9, seed=0, progress=False)
    runs.train_run("mlp_adult", "rigl", store, epochs=1, sparsity=0.98, seed=0, progress=False)
    return store


@pytest.fixture
def own(app, trained, tmp_path):
    """The dashboard on that store."""
    (tmp_path / "runs").symlink_to(trained.folder)
    st.cache_resource.clear()  # the options of the command line are read once a server
    yield app
    st.cache_resource.clear()


def opened(app, **address):
    app.run().switch_page("views/training/page.py")
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def values(node):
    """Plotly's JSON with its packed numbers as arrays."""
    if isinstance(node, dict):
        if "bdata" in node:
            return np.frombuffer(base64.b64decode(node["bdata"]), node["dtype"])
        return {key: values(value) for key, value in node.items()}
    return [values(value) for value in node] if isinstance(node, list) else node


def chart(app, alt):
    """The figure of that name."""
    (found,) = [element.proto for element in app.get("plotly_chart") if element.proto.alt.startswith(alt)]
    return values(json.loads(found.spec))


def by_name(figure):
    return {trace["name"]: trace for trace in figure["data"] if "name" in trace}


def text(app):
    return " ".join(block.value for block in app.markdown)


def box(app, label):
    (found,) = [box for box in app.selectbox if box.label == label]
    return found


def test_without_results_and_trainings_the_page_says_how_to_make_them(app, results):
    results(dynamic_sparse_training=rows("lenet_mnist"))
    opened(app, model="lenet_mnist")
    assert [note.value for note in app.info] == [
        "No training of lenet_mnist is stored. Make one with `labkit train lenet_mnist --sparsify srigl`, then reload this page."
    ]
    (results() / "dynamic_sparse_training.json").unlink()
    assert "`python benchmarks/dynamic_sparse_training.py`" in opened(app).info[0].value


def test_marks_and_whiskers_are_means_and_t_intervals_of_the_rows(app, results):
    results(dynamic_sparse_training=rows())
    opened(app)
    traces = by_name(chart(app, "Accuracy over sparsity"))
    assert list(traces) == ["SRigL", "RigL", "SRigL, no ablation", "GMP", "dense"]
    for name, rule in (("SRigL", "srigl"), ("RigL", "rigl"), ("SRigL, no ablation", "srigl_no_ablation")):
        accuracies = np.array(ACCURACIES[rule, 0.9])
        low, high = stats.t.interval(0.95, 2, accuracies.mean(), stats.sem(accuracies))
        mean, bars = traces[name]["y"][0], traces[name]["error_y"]
        assert mean == pytest.approx(100 * accuracies.mean())
        assert [mean - bars["arrayminus"][0], mean + bars["array"][0]] == pytest.approx([100 * low, 100 * high])
    assert np.isnan(traces["SRigL"]["error_y"]["array"][1])  # one seed
    assert traces["dense"]["y"] == pytest.approx([96, 96])
    assert "15 short trainings of 1 epoch, 1 to 3 seeds for each mark." in text(app)


def test_the_table_holds_every_figure(app, results):
    results(dynamic_sparse_training=rows())
    table = opened(app).dataframe[0].value.set_index(["rule", "sparsity"])
    assert len(table) == len(ACCURACIES)
    ours = table.loc["SRigL", 90]
    assert ours["mean"] == pytest.approx(100 * np.mean(ACCURACIES["srigl", 0.9]))
    assert ours[["training_share", "inference_share", "empty"]].tolist() == pytest.approx([19, 10, 25])
    assert ours[["seeds", "nonzeros", "fan_in_min", "fan_in_max"]].tolist() == [3, 1234, 2, 64]
    assert table.loc[("RigL", 90), "empty"] == 0
    assert np.isnan(table.loc[("SRigL", 98), "low"])
    assert np.isnan(table.loc[("dense", 0), "nonzeros"])
    assert any("Difference Engine, 2 cores" in caption.value for caption in app.caption)


def test_empty_neurons_are_counted_beside_all_there_are(app, results):
    """RigL draws its first connections anywhere in the layer, so a neuron may begin without; those of SRigL all begin with some."""
    few = row("resnet_fashion", "rigl", 0.98, 0, 0.8) | {"active": 50, "neurons_at_first": 40}
    results(dynamic_sparse_training=[few, row("resnet_fashion", "srigl", 0.98, 0, 0.8)])
    table = opened(app).dataframe[0].value.set_index("rule")
    assert table["empty"].to_dict() == {"RigL": 50, "SRigL": 25}


def test_the_same_over_flops(app, results):
    results(dynamic_sparse_training=rows())
    opened(app)
    app.button_group[0].set_value("training FLOPs").run()
    traces = by_name(chart(app, "Accuracy over training FLOPs"))
    assert list(traces) == ["SRigL", "RigL", "SRigL, no ablation", "GMP", "dense"]
    for trace, share in zip(traces.values(), (19, 20, 18, 50, 100), strict=True):
        assert list(trace["x"]) == pytest.approx([share] * len(trace["x"]))
    app.button_group[0].set_value("inference FLOPs").run()
    assert list(by_name(chart(app, "Accuracy over inference FLOPs"))["SRigL"]["x"]) == pytest.approx([2, 10])


def test_contrasts_are_of_pairs_of_equal_seed(app, results):
    results(dynamic_sparse_training=rows())
    opened(app)
    table = app.dataframe[1].value.set_index(["sparsity", "other"])
    assert list(table.index) == [
        (90, "SRigL − RigL"),
        (90, "SRigL − SRigL, no ablation"),
        (90, "SRigL − GMP"),
        (90, "SRigL − dense"),
        (98, "SRigL − RigL"),
        (98, "SRigL − dense"),
    ]
    for other, theirs in (("RigL", ("rigl", 0.9)), ("SRigL, no ablation", ("srigl_no_ablation", 0.9)), ("dense", ("dense", 0.0))):
        change = 100 * (np.array(ACCURACIES["srigl", 0.9]) - ACCURACIES[theirs])
        low, high = stats.t.interval(0.95, 2, change.mean(), stats.sem(change))
        assert table.loc[(90, f"SRigL − {other}"), ["mean", "low", "high", "seeds"]].tolist() == pytest.approx(
            [change.mean(), low, high, 3]
        )
    alone = table.loc[(98, "SRigL − dense")]  # the only pair is of seed 0
    assert alone["mean"] == pytest.approx(100 * (0.85 - 0.95))
    assert np.isnan(alone["low"])
    assert "SRigL is better than **RigL** at 90 %, worse than **dense** at 90 %." in text(app)


def test_another_gamma_has_its_own_figure_and_stays_out_of_the_others(app, results):
    sweep = [row("resnet_fashion", "srigl", 0.9, seed, 0.5 + seed / 10, gamma=OTHER) for seed in (0, 1)]
    results(dynamic_sparse_training=sweep + rows())
    opened(app)
    assert by_name(chart(app, "Accuracy over sparsity"))["SRigL"]["y"][0] == pytest.approx(100 * np.mean(ACCURACIES["srigl", 0.9]))
    figure = chart(app, "Accuracy over gamma_sal")
    assert figure["layout"]["xaxis"]["ticktext"] == ["0.3<br>25 %", "0.95<br>25 %"]
    assert figure["data"][0]["y"] == pytest.approx([55, 100 * np.mean(ACCURACIES["srigl", 0.9])])
    results(dynamic_sparse_training=rows())
    app.run()
    assert not [element for element in app.get("plotly_chart") if "gamma" in element.proto.alt]


@pytest.mark.parametrize("kept", [["dense"], ["gmp"], ["srigl", "dense"]])
def test_rows_that_are_not_there_yet_are_not_missed(app, results, kept):
    plain = ("network", "rule", "sparsity", "seed", "accuracy")
    some = [{key: found[key] for key in plain} for found in rows() if found["rule"] in kept]
    results(dynamic_sparse_training=some)
    opened(app)
    assert len(app.dataframe[0].value) == len({(found["rule"], found["sparsity"]) for found in some})


@pytest.mark.parametrize("content", ["[", "{}", '{"rows": [], "machine": {}}'])
def test_a_file_that_holds_something_else_is_a_sentence(app, results, content):
    (results() / "dynamic_sparse_training.json").write_text(content)
    opened(app)
    assert "dynamic_sparse_training.json holds no results" in app.error[0].value


def test_curves_are_those_of_the_stored_trainings(own, results, trained):
    results(dynamic_sparse_training=rows())
    opened(own, model="mlp_adult")
    assert [note.value for note in own.info] == ["mlp_adult is not among the trainings of the benchmark."]
    traces = by_name(chart(own, "Validation accuracy"))
    assert list(traces) == ["SRigL", "RigL", "Static sparse training", "dense"]
    kept = [trained.table_of(run.id, "curve") for run in trained.runs() if run.method == "train_rigl"]
    assert list(traces["RigL"]["x"]) == list(kept[0]["step"])
    assert traces["RigL"]["y"] == pytest.approx(50 * (kept[0]["validation_accuracy"] + kept[1]["validation_accuracy"]).to_numpy())


def test_a_setting_of_ones_own_is_told_apart_and_can_be_added(own, results):
    results()
    opened(own, model="mlp_adult")
    names = own.button_group[0].options
    assert names == ["SRigL", "SRigL, gamma_sal=0.9", "RigL", "Static sparse training", "dense"]
    own.button_group[0].set_value(["srigl, gamma_sal=0.9", "dense"]).run()
    assert list(by_name(chart(own, "Validation accuracy"))) == ["SRigL, gamma_sal=0.9", "dense"]
    own.button_group[0].set_value([]).run()
    assert "No training is selected" in own.info[-1].value


def test_inside_a_training_are_its_layers_and_its_film(own, results, trained):
    results()
    opened(own, model="mlp_adult")
    run = next(run for run in trained.runs() if run.method == "train_srigl" and run.seed == 0 and len(run.parameters) == 1)
    assert box(own, "training").value == run.id
    layers = trained.table_of(run.id, "layers")
    last = layers[layers["step"] == layers["step"].max()].set_index("layer")
    states = by_name(chart(own, "Layers at both ends: fan-in"))["at the end"]
    assert dict(zip(states["y"], states["x"], strict=True)) == {
        name.removesuffix(".weight"): value for name, value in last["fan_in"].items()
    }
    own.button_group[1].set_value("active neurons").run()
    states = by_name(chart(own, "Layers at both ends: active neurons"))["at the end"]
    neurons = {"fc1": 128, "fc2": 64, "fc3": 2}
    assert dict(zip(states["y"], states["x"], strict=True)) == pytest.approx(
        {name: 100 * last.loc[f"{name}.weight", "active"] / count for name, count in neurons.items()}
    )
    own.button_group[1].set_value("explored").run()
    assert len(chart(own, "Layers over the steps: explored")["data"][0]["z"])
    film = chart(own, "Film of the connections")
    masks = list(sparsify.frames(trained.table_of(run.id, "masks")))
    assert [frame["name"] for frame in film["frames"]] == [str(step) for step, _ in masks]
    for frame, (_, mask) in zip(film["frames"], masks, strict=True):
        picture = Image.open(io.BytesIO(base64.b64decode(frame["data"][0]["source"].partition(",")[2])))
        np.testing.assert_array_equal(np.isin(np.asarray(picture), [1, 2]), mask)
    told = trained.table_of(run.id, "training").iloc[0]
    assert f"Test accuracy {100 * run.summary['accuracy']:.2f} %" in text(own)
    assert f"took {100 * told['training'] / told['dense_training']:.0f} % of the FLOPs of a dense one" in text(own)


def test_neurons_that_never_had_a_connection_count_as_well(own, results, trained):
    results()
    run = next(run for run in trained.runs() if run.parameters.get("sparsity") == 0.98)
    layers = trained.table_of(run.id, "layers").set_index(["layer", "step"])["active"]
    assert layers["fc1.weight"].max() < 128
    opened(own, model="mlp_adult", training=run.id, quantity="active neurons")
    start = by_name(chart(own, "Layers at both ends: active neurons"))["at the start"]
    assert start["x"][start["y"].index("fc1")] == pytest.approx(100 * layers["fc1.weight", 0] / 128)


def test_the_address_says_which_training(own, results, trained):
    results()
    run = next(run for run in trained.runs() if run.method == "train_static" and run.seed == 1)
    opened(own, model="mlp_adult", training=run.id, sparsity="0.9")
    assert box(own, "training").value == run.id
    assert len(chart(own, "Film of the connections")["frames"]) == 1  # static connections stay
    dense = next(run for run in trained.runs() if run.method == "train_dense")
    opened(own, model="mlp_adult", training=dense.id)  # has no connections to look at
    assert box(own, "training").value != dense.id


@pytest.fixture(scope="module")
def trained_url(trained):
    """A real dashboard on the store of trainings."""
    with dashboard(after=("--no-browser", "--store", str(trained.folder))) as url:
        yield url


@pytest.mark.browser
def test_the_film_plays_and_its_slider_moves(trained_url, page, trained):
    run = next(run for run in trained.runs() if run.method == "train_rigl" and run.seed == 0)
    page.goto(f"{trained_url}/training?model=mlp_adult&training={run.id}")
    page.get_by_role("heading", name="Training", exact=True).wait_for()
    film = page.get_by_role("figure", name="Film of the connections").locator(".js-plotly-plot")
    film.locator(".slider-grip-rect").wait_for()
    steps = [str(step) for step in trained.table_of(run.id, "masks")["step"]]
    assert film.evaluate("node => node._fullLayout.sliders[0].steps.map(step => step.label)") == steps

    def shown():
        """The picture that is on the screen, and the words over it."""
        return film.evaluate(
            "node => [node.querySelector('.imagelayer image').getAttribute('href'), node.querySelector('.gtitle').textContent]"
        )

    def wait(condition, *given):
        """Wait until the place of the slider fulfils the condition and the words are of that place; return it."""
        look = f"""([node, steps, ...given]) => {{
            const place = node._fullLayout.sliders[0].active
            return ({condition})(place, ...given) && node.querySelector('.gtitle').textContent.startsWith(`step ${{steps[place]}}:`)
                ? {{place}} : null
        }}"""
        found = page.wait_for_function(look, arg=[film.element_handle(), steps, *given])
        return found.json_value()["place"]

    first, last = shown(), len(steps) - 1
    assert first[1].startswith("step 0")
    film.locator(".updatemenu-button").first.click()
    wait("(place, last) => place === last", last)
    end = shown()
    assert end[0] != first[0]
    rail = film.locator(".slider-rail-touch-rect")
    box = place_of(page, rail)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert 0 < wait("(place, last) => place < last", last) < last
    assert shown()[0] not in (first[0], end[0])
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    plots = page.locator(".js-plotly-plot").evaluate_all("nodes => nodes.map(node => node.getBoundingClientRect().right)")
    assert max(plots) <= page.viewport_size["width"]
