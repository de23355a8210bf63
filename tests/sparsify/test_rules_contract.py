"""What every rule keeps to: those that come with labkit, and one registered from a file outside."""

import inspect
import io
import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from labkit import runs, sparsify
from labkit.cli import main
from labkit.plugins import load_plugin
from labkit.registry import Names, Param

OUTSIDE = '''
"""A rule of one's own: random connections, exchanged where a fixed threshold says so."""

import torch

from labkit.registry import Param
from labkit.sparsify import Rule, UpdateRule, register_rule


class Threshold(UpdateRule):
    def __init__(self, x):
        if x < 0:
            raise ValueError(f"x must not be negative, got {x}")
        self.x = x

    def update(self, view):
        count = int(view.mask.sum())
        small = view.mask & (view.weight.abs() < self.x)
        score = torch.rand(view.mask.shape, generator=view.generator)
        score = score.masked_fill(view.mask & ~small, 2.0).masked_fill(small, -1.0)
        chosen = torch.zeros(score.numel(), dtype=torch.bool)
        chosen[score.flatten().topk(count).indices] = True
        return chosen.view_as(view.mask)


register_rule(
    Rule(
        name="outside",
        title="Threshold",
        make=Threshold,
        params={"x": Param(0.0, 1.0, default=0.05, help="smallest weight kept")},
    )
)
'''
OURS = list(sparsify.RULES)
NAMES = [*OURS, "outside"]


@pytest.fixture(scope="module", autouse=True)
def outside(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "outside.py"
    path.write_text(OUTSIDE)
    assert load_plugin(path) == ["outside"]
    yield path
    del sparsify.RULES["outside"]


def begun(name, seed=0, **options):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(24, 40), nn.ReLU(), nn.Linear(40, 4))
    sparsifier = sparsify.make_sparse(model, name, total_steps=60, seed=seed, **{"update_every": 5, **options})
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    sparsifier.attach(optimizer)
    return model, optimizer, sparsifier


def train(parts, steps, start=0):
    model, optimizer, sparsifier = parts
    for step in range(start, start + steps):
        x = torch.randn(16, 24, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        F.cross_entropy(model(x), x[:, :4].argmax(1)).backward()
        optimizer.step()
        sparsifier.step()
    return parts


def weights(parts):
    return [p.detach().clone() for p in parts[0].parameters()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_network_and_another_seed_another(name):
    first, second, other = (weights(train(begun(name, seed), 30)) for seed in (3, 3, 4))
    assert same(first, second)
    assert not same(first, other)


@pytest.mark.parametrize("name", NAMES)
def test_the_sparsity_is_reached_and_connections_change(name):
    rule = sparsify.get_rule(name)
    parts = begun(name)
    before = {layer: mask.clone() for layer, mask in parts[2].masks.items()}
    train(parts, 60)
    masks = parts[2].masks
    zeros = 1 - sum(int(mask.sum()) for mask in masks.values()) / sum(mask.numel() for mask in masks.values())
    assert rule.sparsity({}) - 1e-9 <= zeros < rule.sparsity({}) + 0.03  # whole rows round down
    named = dict(parts[0].named_parameters())
    assert all(not named[layer][~mask].any() for layer, mask in masks.items())
    assert any(not torch.equal(mask, before[layer]) for layer, mask in masks.items()) == (name != "static")


@pytest.mark.parametrize("name", NAMES)
def test_a_restored_training_continues_bit_for_bit(name):
    straight = train(begun(name), 47)
    file = io.BytesIO()
    torch.save([part.state_dict() for part in train(begun(name), 24)], file)
    file.seek(0)
    fresh = begun(name, seed=9)
    for part, state in zip(fresh, torch.load(file), strict=True):
        part.load_state_dict(state)
    assert same(weights(train(fresh, 23, 24)), weights(straight))


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_parameter_is_one_sentence(name):
    with pytest.raises(ValueError, match=rf"^unknown parameter of {name} 'colour'[^\n]*$"):
        begun(name, colour="red")
    with pytest.raises(ValueError, match=rf"^parameter until of {name} needs a number, got 'late'$"):
        begun(name, until="late")
    with pytest.raises(ValueError, match=r"^until must lie in \(0, 1\], got 2[^\n]*$"):
        begun(name, until=2)
    for own, param in sparsify.get_rule(name).own.items():
        with pytest.raises(ValueError, match=rf"^parameter {own} of {name} needs a number, got 'x'$"):
            begun(name, **{own: "x"})
        with pytest.raises(ValueError, match=r"^\w+ must [^\n]*, got [^\n]*$"):
            begun(name, **{own: -param.parse(param.high) - 1})


@pytest.mark.parametrize("name", NAMES)
def test_text_and_values_are_the_same_parameters(name):
    rule = sparsify.get_rule(name)
    values = {key: param.default for key, param in rule.params.items() if isinstance(param, Param)}
    text = {key: str(value) for key, value in values.items()}
    patterns = {key: "1,2*" for key, param in rule.params.items() if isinstance(param, Names)}
    assert rule.typed(text | patterns) == rule.typed(values | dict.fromkeys(patterns, ("1", "2*")))
    assert all(type(rule.typed(text)[key]) is type(value) for key, value in values.items())


@pytest.mark.parametrize("name", NAMES)
def test_its_entry_is_complete(name):
    rule = sparsify.get_rule(name)
    assert rule.name == name
    assert rule.title
    assert all(param.help for param in rule.params.values())
    assert set(rule.headline) <= set(rule.params)
    if name in OURS:
        assert rule.paper
        assert rule.watch.endswith(".")


@pytest.mark.parametrize("name", OURS)
def test_the_function_of_a_rule_has_its_defaults(name):
    rule, function = sparsify.get_rule(name), sparsify.set_evolution if name == "set" else getattr(sparsify, name)
    given = inspect.signature(function).parameters
    assert set(rule.headline) <= set(given)
    for parameter in rule.headline:
        assert given[parameter].default == rule.params[parameter].default


def test_set_has_two_names():
    assert sparsify.get_rule("set") is sparsify.get_rule("set_evolution") is sparsify.RULES["set"]
    assert sparsify.set is sparsify.set_evolution
    with pytest.raises(AttributeError, match="has no attribute 'sett'"):
        getattr(sparsify, "sett")  # noqa: B009


def test_common_parameters_are_declared_once():
    for name in NAMES:
        rule = sparsify.get_rule(name)
        assert all(rule.params[key] is param for key, param in sparsify.COMMON_PARAMS.items() if key not in rule.leaves_out)
        assert not set(rule.leaves_out) & set(rule.params)
    owners = {name: set(sparsify.get_rule(name).own) for name in NAMES}
    assert {name: own for name, own in owners.items() if own} == {"srigl": {"gamma_sal"}, "n_of_m": {"n", "m"}, "outside": {"x"}}


def test_the_parameter_of_one_rule_is_known_to_no_other_room():
    root = Path(sparsify.__file__).parents[1]
    files = [path.relative_to(root).as_posix() for path in root.rglob("*.py") if "gamma_sal" in path.read_text()]
    assert files
    assert [name for name in files if not name.startswith("sparsify/") and not name.endswith("/srigl.py")] == []


def test_a_rule_may_have_another_default_and_must_imply_a_sparsity_it_leaves_out():
    made = sparsify.Rule("mild", "Mild", lambda: None, params={"sparsity": Param(0.1, 0.9, default=0.5)})
    assert made.sparsity({}) == 0.5
    assert made.own == {}
    with pytest.raises(ValueError, match="rule odd leaves out the sparsity; say what it is with implied_sparsity="):
        sparsify.Rule("odd", "Odd", lambda: None, leaves_out=("sparsity",))
    with pytest.raises(ValueError, match="leaves out 'speed', which is no common parameter"):
        sparsify.Rule("odd", "Odd", lambda: None, leaves_out=("speed",))


def test_the_command_line_lists_every_rule_with_its_parameters(capsys, outside):
    with pytest.raises(SystemExit) as ended:
        main(["--plugin", str(outside), "rules", "--json"])
    assert ended.value.code == 0
    listed = {row["rule"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(listed) == NAMES
    for name, row in listed.items():
        params = sparsify.get_rule(name).params
        assert set(row["parameters"]) == set(params)
        assert all(row["parameters"][key]["help"] == param.help for key, param in params.items())
    assert listed["outside"]["parameters"]["x"] == {"values": "0 to 1", "default": 0.05, "help": "smallest weight kept"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["outside", "n_of_m"])
def test_the_command_line_trains_by_it(name, capsys, outside, tmp_path):
    own = {"outside": ["--set", "x=0.01", "--sparsity", "0.8"], "n_of_m": ["--set", "n=1", "--set", "exclude=fc1"]}[name]
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *("--plugin", str(outside), "train", "mlp_adult", "--sparsify", name, *own),
                *("--epochs", "1", "--quiet", "--json", "--store", str(tmp_path)),
            ]
        )
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    found = json.loads(said.out)
    (run,) = runs.Store(tmp_path).runs()
    assert run.id == found["run"]
    assert run.method == f"train_{name}"
    assert (
        run.parameters
        == {
            "outside": {"epochs": 1, "x": 0.01, "sparsity": 0.8},
            "n_of_m": {"epochs": 1, "n": 1, "exclude": ["fc1"]},
        }[name]
    )
    assert found["summary"]["accuracy"] > 0.75


@pytest.mark.parametrize("name", ["until", "fraction", "update_every"])
def test_a_rule_may_leave_out_any_common_parameter_but_keeps_a_schedule(name):
    class Frozen(sparsify.UpdateRule):
        def update(self, view):
            return view.mask

    sparsify.register_rule(sparsify.Rule("frozen", "Frozen", Frozen, leaves_out=(name,)))
    try:
        model = torch.nn.Sequential(torch.nn.Linear(20, 10), torch.nn.ReLU(), torch.nn.Linear(10, 4))
        sparsifier = sparsify.make_sparse(model, "frozen", total_steps=100)
        assert 0.85 < 1 - sum(int(mask.sum()) for mask in sparsifier.masks.values()) / 240 < 0.95
    finally:
        del sparsify.RULES["frozen"]


def test_patterns_may_come_as_any_iterable():
    model = torch.nn.Sequential(torch.nn.Linear(20, 10), torch.nn.ReLU(), torch.nn.Linear(10, 4))
    sparsifier = sparsify.rigl(model, 0.5, total_steps=100, exclude={"0"})
    assert list(sparsifier.masks) == ["2.weight"]
