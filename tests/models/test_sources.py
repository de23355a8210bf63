"""Where weights come from: seeds of random weights, picture sizes of transformers, networks of the user's own code."""

import numpy as np
import pytest
import torch
from torch import nn

from labkit import data, models
from labkit.audit import model_sha
from labkit.models.opening import check_takes
from labkit.models.own import OWN, build, register


@pytest.fixture(autouse=True)
def restored():
    before = dict(OWN)
    yield
    OWN.clear()
    OWN.update(before)


def pictures(size, classes=2, channels=3):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (20, channels, size, size), dtype=np.uint8)
    return data.from_arrays(images, np.arange(20) % classes, classes=[f"c{i}" for i in range(classes)])


def test_random_weights_depend_on_the_seed_alone_and_are_said():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (models.load("timm:test_resnet", num_classes=2, seed=seed) for seed in (0, 0, 1))
    assert model_sha(first) == model_sha(again) != model_sha(other)
    assert other.loaded_from == "timm:test_resnet with random weights (seed 1)"
    assert torch.equal(before, torch.random.get_rng_state())
    assert models.source_facts(other)["seed"] == 1
    (note,) = models.weight_notes(other)
    assert note.startswith("timm:test_resnet with random weights (seed 1): the network is untrained")
    assert models.weight_notes(models.load("mlp_mnist")) == ()


@pytest.mark.parametrize("name", ["test_vit", "test_resnet"])
@pytest.mark.parametrize("size", [64, 96])
def test_a_network_is_built_for_the_size_of_the_pictures(name, size):
    dataset = pictures(size)
    model = models.load(f"timm:{name}", **models.options_for(f"timm:{name}", dataset))
    assert model(dataset.test.inputs()).shape == (len(dataset.test), 2)


FILE = """
import torch
from torch import nn
from layers import Twice

class Net(nn.Module):
    def __init__(self, num_classes, in_chans):
        super().__init__()
        self.fc = nn.Linear(in_chans * 64, num_classes)
    def forward(self, x):
        return self.fc(x.flatten(1))

class Plain(Net):
    def __init__(self):
        super().__init__(5, 3)

def both(n, c): return Net(n, c)
def one(classes, width=7): return Net(classes, 3)
def none(): return Net(4, 3)
def keywords(**options): return Net(**options)
def swapped(in_chans, num_classes): return Net(num_classes, in_chans)
def more(num_classes, in_chans, depth): return Net(num_classes, in_chans)
def broken(): raise KeyError("mask")
def number(): return 3
ready = Net(6, 3)
class Space: inner = Net
"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / "layers.py").write_text("class Twice: pass\n")
    (tmp_path / "net.py").write_text(FILE)
    return str(tmp_path / "net.py")


@pytest.mark.parametrize(
    ("attribute", "classes"),
    [
        ("Net", 2),
        ("Plain", 5),
        ("both", 2),
        ("one", 2),
        ("none", 4),
        ("keywords", 2),
        ("swapped", 2),
        ("ready", 6),
        ("Space.inner", 2),
    ],
)
def test_a_function_gets_as_many_numbers_as_it_takes(net, attribute, classes):
    name = register(f"{net}:{attribute}")
    dataset = pictures(8)
    torch.manual_seed(3)
    first, again = (models.load(name, **models.options_for(name, dataset), seed=4) for _ in range(2))
    assert first(dataset.test.inputs()).shape == (len(dataset.test), classes)
    assert model_sha(first) == model_sha(again)
    assert not first.training


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("more", "needs depth, but is given num_classes and in_chans alone"),
        ("broken", r"net\.py:broken failed: KeyError: 'mask'"),
        ("number", "returned int; it must return an nn.Module"),
    ],
)
def test_a_function_that_gives_no_network_is_one_sentence(net, attribute, words):
    name = register(f"{net}:{attribute}")
    with pytest.raises(ValueError, match=words) as caught:
        build(name, num_classes=2, in_chans=3)
    assert "\n" not in str(caught.value)


def test_names_that_lead_to_no_function_are_one_sentence(tmp_path, net):
    (tmp_path / "bad.py").write_text("import sys\nsys.exit(3)\n")
    cases = {
        f"{net}:absent": "has no absent; it has",
        f"{tmp_path / 'gone.py'}:f": "does not exist",
        f"{tmp_path / 'bad.py'}:f": "failed: it called sys.exit\\(3\\)",
        "no_such_module_here:f": "there is no module no_such_module_here",
        "net.py:": "is no network; give module:function",
    }
    for name, words in cases.items():
        with pytest.raises(ValueError, match=words):
            register(name)


def test_an_installed_module_is_taken_too():
    assert register("torch.nn:Identity") == "torch.nn:Identity"
    assert isinstance(models.load("torch.nn:Identity"), nn.Identity)


def test_a_name_alone_imports_no_code(net, tmp_path):
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\ndef f(): pass\n")
    name = f"{tmp_path / 'evil.py'}:f"
    for call in (lambda: models.load(name), lambda: models.open_model(name, data="mnist")):
        with pytest.raises(ValueError, match="which only the command line opens where you name it"):
            call()
    with pytest.raises(ValueError, match="a user-defined class; give base="):
        models.rebuild({"origin": {"name": name, "options": {}}, "layers": {}})
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "error", [RuntimeError, IndexError, AssertionError, TypeError, AttributeError, KeyError, ValueError, ZeroDivisionError]
)
def test_whatever_a_forward_raises_is_one_sentence(error):
    class Bad(nn.Module):
        def forward(self, x):
            raise error("first line\nsecond line")

    with pytest.raises(
        ValueError, match=r"^mine does not take the examples of pics \(float32 \[1, 3, 8, 8\]\): .*first line"
    ) as caught:
        check_takes(Bad(), pictures(8).test, "mine", "pics")
    assert str(caught.value).count("\n") == 0


def test_files_with_neighbours_of_one_name_are_two_networks(tmp_path):
    made = []
    for folder, width in (("v1", 10), ("v2", 40)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "helper.py").write_text(f"WIDTH = {width}\n")
        (tmp_path / folder / "net.py").write_text(
            "from torch import nn\nfrom helper import WIDTH\ndef build(num_classes=2): return nn.Linear(WIDTH, num_classes)\n"
        )
        name = f"{tmp_path / folder / 'net.py'}:build"
        register(name)
        made.append(models.load(name))
    assert [net.in_features for net in made] == [10, 40]


def test_what_an_own_function_was_called_with_is_said(tmp_path):
    (tmp_path / "net.py").write_text("from torch import nn\ndef build(hidden, depth): return nn.Linear(depth, hidden)\n")
    name = f"{tmp_path / 'net.py'}:build"
    register(name)
    (note,) = models.weight_notes(models.load(name, num_classes=3, in_chans=5))
    assert "hidden=3, depth=5" in note
    assert "untrained" in note
