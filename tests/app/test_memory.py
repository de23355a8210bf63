"""The server's memory does not grow with the number of visits."""

from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.util import calc_hash
from websockets.sync.client import connect

from tests.app.conftest import started
from tests.app.test_accessibility import pages

FEW, MANY = 10, 40
pytestmark = pytest.mark.browser  # a stand-in for one: it asks for pages as a browser does, and draws nothing


def visit(socket, address):
    """Ask for a page, and read what is sent until its script has ended."""
    wish = BackMsg()
    wish.rerun_script.page_script_hash = calc_hash(address)
    socket.send(wish.SerializeToString())
    while (answer := ForwardMsg.FromString(socket.recv())).WhichOneof("type") != "script_finished":
        pass
    assert answer.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY


def resident(process):
    """Bytes that the process holds."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1])


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory of a process as Linux tells it")
def test_visits_add_nothing_to_the_memory(tmp_path):
    walk = ["" if entry is pages.PAGES[0] else entry.folder for entry in pages.PAGES]
    with started(after=("--no-browser", "--store", str(tmp_path))) as (url, process):
        address = url.replace("http:", "ws:") + "/_stcore/stream"
        with connect(address, subprotocols=["streamlit"], origin=url, max_size=None) as socket:
            for page in walk:  # what a page imports and reads stays
                visit(socket, page)
            after = {}
            for number in range(1, MANY + 1):
                visit(socket, walk[number % len(walk)])
                after[number] = resident(process)
    # 1.1 times after 100 visits is 1.033 times after 40; benchmarks/pages.py makes all 100, in a browser
    assert after[MANY] <= (1 + 0.1 * (MANY - FEW) / (100 - FEW)) * after[FEW]
