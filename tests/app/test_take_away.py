"""The button "Take it away", without a browser and in one."""

import io
import re
import zipfile

import numpy as np
import pytest

from labkit import compress, data, models, runs
from labkit.export import FORMATS

RUN = "d3844f3f687f6618"  # condense of mlp_adult


def test_nothing_is_written_before_it_is_asked_for(app):
    app.query_params["model"], app.query_params["run"] = "mlp_adult", RUN
    app.run().switch_page("views/per_class/page.py")
    app.query_params["model"], app.query_params["run"] = "mlp_adult", RUN
    app.run()
    assert not app.exception
    (formats,) = [radio for radio in app.radio if radio.label == "format"]
    assert formats.options == [kind.title for kind in FORMATS.values()]
    assert not app.get("download_button")
    formats.set_value("script").run()
    next(button for button in app.button if button.label == "Prepare the file").click().run()
    assert not app.exception
    assert [button.proto.label for button in app.get("download_button")] != []
    said = " ".join(caption.value for caption in app.caption)
    assert "values and indices" in said
    assert "100.00% are those stored with the run" in said


@pytest.mark.browser
def test_a_run_is_taken_to_onnxruntime(page, app_url):
    ort = pytest.importorskip("onnxruntime")
    page.goto(f"{app_url}/per_class?model=mlp_adult&run={RUN}")
    page.get_by_role("region", name="Figures of every class").wait_for()  # the last of the page: nothing moves any more
    page.get_by_role("button", name="Take it away").click()
    page.get_by_text(FORMATS["onnx"].title).click()
    page.get_by_role("button", name="Prepare the file").click()
    with page.expect_download() as taken:
        page.get_by_role("button", name=re.compile(r"Download .* MB")).click()
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
