"""A damaged run is left out and named; the pages stay."""

import json
import shutil

import pytest
import streamlit as st

from labkit import runs

NETWORK = "resnet_fashion"
SIX = ("method", "version", "parameters", "model_sha", "data_id", "seed")


@pytest.fixture(autouse=True)
def store_of_this_test():
    """The dashboard reads its command line once per server."""
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def own(tmp_path):
    """A store of two runs that the gallery does not have."""
    found = []
    for name in runs.Library(runs.gallery()).table(NETWORK).index[:2]:
        shipped = runs.gallery().run(name)
        facts = json.loads((shipped.folder / "run.json").read_text()) | {"seed": 5}
        facts["id"] = runs.run_id(
            **{key: facts[key] for key in ("method", "version", "parameters", "model_sha", "data_id", "seed")}
        )
        shutil.copytree(shipped.folder, tmp_path / "runs" / facts["id"])
        (tmp_path / "runs" / facts["id"] / "run.json").write_text(json.dumps(facts))
        found.append(facts["id"])
    store = runs.Store(tmp_path / "runs")
    assert [run.damaged for run in store.runs()] == ["", ""]
    return store, *found


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["per_class.parquet", "predictions.parquet", "audit.json"])
def test_a_flipped_byte_takes_no_page_down(app, own, name):
    store, damaged, sound = own
    flip(store.folder / damaged / name)
    app.query_params["model"] = NETWORK
    app.run()
    assert not app.exception
    said = f"1 run cannot be read and is left out: {damaged}: {name} does not match its checksum."
    assert said in [warning.value for warning in app.warning]
    assert sound in app.dataframe[0].value.index
    assert damaged not in app.dataframe[0].value.index
    app.query_params["model"], app.query_params["run"] = NETWORK, sound
    app.switch_page("views/per_class/page.py")
    app.query_params["model"], app.query_params["run"] = NETWORK, sound
    app.run()
    assert not app.exception
    assert said in [warning.value for warning in app.warning]
    assert len(app.dataframe[0].value) == 10
    app.switch_page("views/training/page.py").run()
    assert not app.exception
    assert said in [warning.value for warning in app.warning]
    app.switch_page("views/home/page.py").run()
    assert not app.exception


def test_an_edited_accuracy_is_shown_nowhere(app, own):
    store, edited, sound = own
    path = store.folder / edited / "run.json"
    facts = json.loads(path.read_text())
    facts["summary"]["accuracy"] = 0.9999
    path.write_text(json.dumps(facts))
    app.query_params["model"] = NETWORK
    app.run()
    assert not app.exception
    assert any(f"{edited}: run.json says 'accuracy' is 0.9999, and audit.json says 0." in one.value for one in app.warning)
    assert sound in app.dataframe[0].value.index
    assert edited not in app.dataframe[0].value.index
