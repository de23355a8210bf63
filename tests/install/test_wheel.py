"""The wheel works without the repository: contents, gallery, grid and dashboard."""

import json
import signal
import socket
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.install.conftest import ROOT, tracked

pytestmark = pytest.mark.slow


def as_installed(name):
    """Where a file of the repository lies in the wheel."""
    return name if name.startswith("labkit/") else f"labkit/_dashboard/{name}"


def test_the_wheel_holds_every_file_of_the_package_and_the_dashboard(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    expected = {as_installed(name): ROOT / name for name in tracked("labkit", "app", "benchmarks/results")}
    assert held == set(expected)
    assert {name: sizes[name] for name in held} == {name: path.stat().st_size for name, path in expected.items()}
    assert {".parquet", ".npz", ".gz", ".safetensors", ".json", ".js", ".css", ".png", ".toml"} <= {
        Path(name).suffix for name in held
    }


def test_the_source_distribution_holds_what_the_wheel_is_built_from(distributions):
    (path,) = distributions.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", *tracked("labkit", "app", "benchmarks/results")}
    assert needed <= held


def answer_of(python, environment, folder, *arguments):
    """Standard output of a program of the fresh environment."""
    command = [str(python), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_fresh_environment_has_the_wheels_labkit(installed, environment, tmp_path):
    code = "import labkit; from labkit.cli.app import find_page; print(labkit.__file__); print(find_page())"
    module, page = answer_of(installed, environment, tmp_path, "-c", code).splitlines()
    assert Path(module).is_relative_to(installed.parents[1])
    assert page == str(Path(module).parent / "_dashboard" / "app" / "main.py")


def test_every_run_of_the_gallery_is_there_and_whole(installed, environment, tmp_path):
    told = answer_of(installed, environment, tmp_path, installed.with_name("labkit"), "runs", "list", "--gallery", "--json")
    rows = json.loads(told)
    assert len(rows) >= 48
    assert not [row for row in rows if row.get("damaged")]
    # figures of a run come from its Parquet files, which an installation once lacked
    assert all(0 < row["summary"]["accuracy"] <= 1 for row in rows)


def test_a_grid_answers(installed, environment, tmp_path):
    code = """
from labkit import data, live, models
*_, last = live.progressive_audit("condense", {"sparsity": 0.9}, data.load("fashion_mnist").test,
    model=models.load("vit_fashion"))
print(last.source, last.exact, 0 < last.audit.summary["accuracy"] <= 1)
"""
    assert answer_of(installed, environment, tmp_path, "-c", code).split() == ["grid", "True", "True"]


@contextmanager
def dashboard(python, environment, folder):
    """Address of the installed dashboard, started in `folder`."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [str(python.with_name("labkit")), "app", "--no-browser", "--port", str(port)]
    # an inherited address must not open the dashboard to the network
    environment = {**environment, "STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}
    log = folder / "log.txt"
    with log.open("w") as told:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=told, stderr=told)
    try:
        url, deadline = f"http://localhost:{port}", time.monotonic() + 300
        while True:
            try:
                with urllib.request.urlopen(f"{url}/_stcore/health", timeout=60) as page:
                    assert page.status == 200
                break
            except urllib.error.URLError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def listening_addresses(port):
    """Addresses of this machine on which a socket listens at `port` (Linux: /proc/net/tcp, hexadecimal)."""
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {words[1].split(":")[0] for words in lines if words[3] == "0A" and int(words[1].split(":")[1], 16) == port}


@pytest.mark.browser
def test_the_first_page_of_the_dashboard_comes(installed, environment, tmp_path, browser):
    with dashboard(installed, environment, tmp_path) as url:
        addresses = listening_addresses(int(url.rsplit(":", 1)[1]))
        assert addresses
        assert addresses <= {"0100007F", "0" * 24 + "01000000"}  # 127.0.0.1 and ::1
        page = browser.new_page()
        page.goto(url)
        page.get_by_role("heading", name="labkit", exact=True).wait_for(timeout=300_000)
        page.get_by_role("link", name="Compare").first.click()
        page.get_by_role("heading", name="Compare", exact=True).wait_for(timeout=300_000)
        page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=300_000)
        assert page.get_by_role("alert").count() == 0
        # what the benchmarks measured travels too
        page.goto(f"{url}/speed")
        page.get_by_role("heading", name="Speed", exact=True).wait_for(timeout=300_000)
        page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=300_000)
        assert page.get_by_text("has not been measured here").count() == 0
        page.close()
    assert f"http://localhost:{url.rsplit(':', 1)[1]}" in (tmp_path / "log.txt").read_text()
