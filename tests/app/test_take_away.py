"""The button "Take it away", without a browser and in one."""

import io
import re
import time
import zipfile

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from labkit import compress, data, models, runs
from labkit.export import FORMATS
from tests.app.conftest import MAIN, PATIENCE

RUN = "d3844f3f687f6618"  # condense of mlp_adult


def per_class(app, run=RUN):
    app.query_params["model"], app.query_params["run"] = "mlp_adult", run
    app.run().switch_page("views/per_class/page.py")
    app.query_params["model"], app.query_params["run"] = "mlp_adult", run
    app.run()
    assert not app.exception
    return app


def button(app, label):
    """The button with this label, or None."""
    return next((button for button in app.button if button.label == label), None)


def until(app, done):
    """Run the page again until it shows what is waited for."""
    while not done():
        time.sleep(0.1)
        app.run()
        assert not app.exception


def choose(app, name):
    (formats,) = [radio for radio in app.radio if radio.label == "format"]
    formats.set_value(name).run()
    return formats


def test_nothing_is_written_before_it_is_asked_for(app):
    per_class(app)
    assert choose(app, "script").options == [kind.title for kind in FORMATS.values()]
    assert not app.get("download_button")
    button(app, "Prepare the file").click().run()
    until(app, lambda: app.get("download_button"))
    assert button(app, "Prepare the file") is None
    said = " ".join(caption.value for caption in app.caption)
    assert "values and indices" in said
    assert "100.00% are those stored with the run" in said


def test_a_file_is_written_in_the_background_found_again_and_can_be_stopped(app):
    per_class(app)
    choose(app, "torchexport")
    button(app, "Prepare the file").click().run()
    button(app, "Stop").click().run()  # the page does not wait for the file
    assert button(app, "Stop") is None
    assert not app.get("download_button")
    button(app, "Prepare the file").click().run()
    assert button(app, "Stop") is not None
    again = per_class(AppTest.from_file(str(MAIN), default_timeout=PATIENCE))
    assert button(again, "Prepare the file") is None  # as after a reload: the same format is chosen, under way or there
    until(again, lambda: again.get("download_button"))
    assert app.run().get("download_button")  # the same work
    choose(app, "safetensors")
    assert not app.get("download_button")


@pytest.mark.browser
def test_a_run_is_taken_to_onnxruntime(page, app_url):
    ort = pytest.importorskip("onnxruntime")
    page.goto(f"{app_url}/per_class?model=mlp_adult&run={RUN}")
    page.get_by_role("region", name="Figures of every class").wait_for()  # the last of the page: nothing moves any more
    page.get_by_role("button", name="Take it away").click()
    page.get_by_text(FORMATS["onnx"].title).click()
    made = page.get_by_role("button", name=re.compile(r"Download .* MB"))
    made.or_(page.get_by_role("button", name="Prepare the file")).wait_for()
    if not made.count():  # another visitor may have had it made
        page.get_by_role("button", name="Prepare the file").click()
    with page.expect_download() as taken:
        made.click()
    with open(taken.value.path(), "rb") as file:
        parcel = zipfile.ZipFile(io.BytesIO(file.read()))
    files = {name.rpartition("/")[2]: parcel.read(name) for name in parcel.namelist()}
    assert set(files) == {"README.md", "audit.json", "load.py", "model.onnx", "samples.npz"}
    session = ort.InferenceSession(files["model.onnx"], providers=["CPUExecutionProvider"])
    census = data.load("adult").test
    (found,) = session.run(None, {"inputs": census.inputs().numpy()})
    stored = runs.gallery().audit_of(RUN).predictions["predicted"].to_numpy()
    assert np.mean(found.argmax(1) == stored) > 0.999
    small = compress.condense(models.load("mlp_adult"), sparsity=0.9)
    np.testing.assert_allclose(found[:100], small(census.inputs(slice(0, 100))).detach().numpy(), atol=1e-4)
