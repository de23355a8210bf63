"""The command line with networks and weights of the user's own: named, seeded, kept with the run, refused in a sentence."""

import json

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from labkit.cli import main
from labkit.models import own

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes, in_chans):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(in_chans, 4, 3), nn.Linear(4, num_classes)
    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))

class Angry(Net):
    def forward(self, x):
        raise KeyError("mask")
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pics" / name).mkdir(parents=True)
        for i in range(10):
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(tmp_path / "pics" / name / f"{i}.png")
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    before = dict(own.OWN)
    yield tmp_path
    own.OWN.clear()
    own.OWN.update(before)


@pytest.fixture
def labkit(capsys):
    def run(*words, code=0):
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        said = capsys.readouterr()
        assert end.value.code == code, said.err
        assert "Traceback" not in said.err
        return said.out if code == 0 else said.err.strip()

    return run


OWN = ("--data", "pics", "--method", "quantize", "--json")


def weights(path, seed):
    torch.manual_seed(seed)
    save_file(timm.create_model("test_resnet", num_classes=2).state_dict(), path)


def test_random_weights_are_said_and_give_the_same_run_twice(here, labkit):
    timm_name = ("compress", "--model", "timm:test_resnet", *OWN)
    first, again, other = (json.loads(labkit(*timm_name, "--seed", seed)) for seed in (0, 0, 1))
    assert first["run"] == again["run"] != other["run"]
    assert first["reference_sha"] == again["reference_sha"] != other["reference_sha"]
    assert any("random weights (seed 1)" in note for note in other["notes"])
    assert "random weights (seed 0)" in labkit("audit", "--model", "timm:test_resnet", "--data", "pics")
    audited = json.loads(labkit("audit", "--run", other["run"], "--json"))
    assert audited["reference_sha"] == other["reference_sha"]


def test_a_run_is_audited_with_its_own_weights_and_no_others(here, labkit):
    weights("w.safetensors", 1)
    weights("other.safetensors", 2)
    made = json.loads(labkit("compress", "--model", "timm:test_resnet", "--weights", "w.safetensors", *OWN))
    audited = json.loads(labkit("audit", "--run", made["run"], "--json"))
    assert audited["reference_sha"] == made["reference_sha"]
    assert audited["summary"]["agreement"] == made["summary"]["agreement"]
    refused = labkit("audit", "--run", made["run"], "--weights", "other.safetensors", code=2)
    assert made["reference_sha"] in refused
    assert refused.endswith("give the file of its weights with --weights")


def test_a_network_of_ones_own_is_taken_wherever_a_timm_name_is(here, labkit):
    made = json.loads(labkit("compress", "--model", "net.py:Net", *OWN))
    alone = json.loads(labkit("audit", "--model", "net.py:Net", "--data", "pics", "--json"))
    assert alone["model_sha"] == made["reference_sha"]
    again = json.loads(labkit("compress", "--model", "net.py:Net", *OWN))
    assert again["run"] == made["run"]
    audited = json.loads(labkit("audit", "--run", made["run"], "--model", "net.py:Net", "--json"))
    assert audited["reference_sha"] == made["reference_sha"]
    facts = json.loads(labkit("models", "show", "net.py:Net", "--shape", "3,16,16", "--classes", 2, "--json"))
    assert facts["parameters"] == 3 * 4 * 9 + 4 + 4 * 2 + 2
    (here / "grid.yaml").write_text("data: pics\nmethods: [quantize]\n")
    (swept,) = json.loads(labkit("sweep", "grid.yaml", "--model", "net.py:Net", "--store", "swept", "--json"))
    assert swept["run"] == made["run"]


def test_a_stored_name_starts_no_code(here, labkit):
    made = json.loads(labkit("compress", "--model", "net.py:Net", *OWN))
    own.OWN.clear()
    (here / "net.py").write_text("open('ran', 'w')\n")
    refused = labkit("audit", "--run", made["run"], code=2)
    assert made["run"] in labkit("runs", "show", made["run"])  # its figures need no code
    assert json.loads(labkit("runs", "compare", made["run"], made["run"], "--json"))["accuracy"]["agreement"] == 1
    assert "whose code a stored run does not start; name it yourself with --model net.py:Net" in refused
    (here / "grid.yaml").write_text("models: ['net.py:Net']\ndata: pics\nmethods: [quantize]\n")
    assert "a grid alone does not start; name it too: --model net.py:Net" in labkit("sweep", "grid.yaml", code=2)
    assert not (here / "ran").exists()


@pytest.mark.parametrize("command", [("compress", "--method", "quantize"), ("audit",)])
@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("net.py:Angry", "net.py:Angry does not take the examples of pics (float32 [1, 3, 16, 16]): KeyError: 'mask'"),
        ("lenet_mnist", "lenet_mnist does not take the examples of pics (float32 [1, 3, 16, 16])"),
        ("net.py:Nothing", "net.py has no Nothing; it has Net, Angry"),
        ("gone.py:Net", "gone.py does not exist"),
    ],
)
def test_whatever_a_network_raises_is_one_sentence(here, labkit, command, model, words):
    said = labkit(*command, "--model", model, "--data", "pics", code=2)
    assert words in said
    assert "\n" not in said


def test_a_transformer_is_built_for_the_size_of_the_pictures(here, labkit):
    found = json.loads(labkit("audit", "--model", "timm:test_vit", "--data", "pics", "--size", 96, "--json"))
    assert found["summary"]["examples"] > 0


def test_a_failing_run_of_a_sweep_is_reported_and_the_others_are_made(here, labkit):
    (here / "grid.yaml").write_text(
        "models: [mlp_adult]\nmethods:\n  low_rank: {budget: 0.001}\n  quantize: {}\n  condense: {sparsity: 0.9}\n"
    )
    said = labkit("sweep", "grid.yaml", "--no-weights", code=1)
    assert "failed: mlp_adult: low_rank(budget=0.001" in said
    assert said.endswith("labkit: 1 of 3 runs failed; the others are stored in runs")
    assert len(json.loads(labkit("runs", "list", "--json"))) == 2


def test_sentences_name_the_options_of_the_command(here, labkit):
    for name, seed in (("june", 0), ("july", 1)):
        rows = np.random.default_rng(seed).integers(0, 9, (40, 2))
        (here / f"{name}.csv").write_text("a,b,y\n" + "\n".join(f"{a},{b},{'ny'[i % 2]}" for i, (a, b) in enumerate(rows)))
        (here / "lin.py").write_text("from torch import nn\ndef f(n, c): return nn.Linear(c, n)\n")
        labkit("compress", "--model", "lin.py:f", "--data", f"{name}.csv", "--target", "y", "--method", "quantize")
    said = labkit("runs", "recommend", code=2)
    assert said.endswith("say which with --data") or said.endswith("say which with --model")
    assert "data=" not in said
