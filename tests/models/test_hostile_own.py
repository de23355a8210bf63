"""Networks of the user's own code that go wrong in every way: one sentence, and the process goes on."""

import os

import pytest

from labkit.models.own import build, register

LINEAR = "from torch import nn\ndef build(): return nn.Linear(2, 2)\n"


def sentence(path, attribute="build"):
    with pytest.raises(ValueError, match=r".") as caught:
        build(register(f"{path}:{attribute}"))
    said = str(caught.value)
    assert type(caught.value) is ValueError or type(caught.value).__module__.startswith("labkit.")
    assert "\n" not in said
    assert len(said) < 1_000
    return said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def build(): raise SystemExit(0)", "failed: it called sys.exit(0)"),
        ("def build(): raise GeneratorExit", "failed: GeneratorExit"),
        ("def build(): raise ValueError('a\\nb' * 10**6)", "failed: ValueError: a"),
        ("raise ValueError('x' * 10**6)", "failed: ValueError: xxx"),
        ("class E(Exception):\n    def __str__(self): raise RuntimeError('no')\nraise E", "failed: E"),
        ("class E(Exception):\n    def __str__(self): raise RuntimeError('no')\ndef build(): raise E", "failed: E"),
        ("def __getattr__(name): raise OSError('a\\nb')", "failed: OSError: a"),
        ("def __getattr__(name): raise SystemExit(3)", "failed: it called sys.exit(3)"),
        ("build = type('x' * 10**6, (), {})()", "not a function that returns an nn.Module"),
        ("import sys\ndel sys.modules[__name__]\n1 / 0", "failed: ZeroDivisionError"),
        ("from torch import nn\ndef build(): return nn.Linear(10**6, 10**6)", "has a tensor of 1,000,000,000,000 numbers"),
        (
            "from torch import nn\nclass build(nn.Module):\n    def eval(self): raise SystemExit(0)",
            "failed: it called sys.exit(0)",
        ),
    ],
)
def test_code_that_fails_is_one_sentence(tmp_path, text, words):
    (tmp_path / "net.py").write_text(text)
    assert words in sentence(tmp_path / "net.py")


def test_names_and_places_that_are_no_text_or_no_file(tmp_path):
    place = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py")
    with open(place, "w") as file:
        file.write(LINEAR)
    assert build(register(f"{place}:build")).in_features == 2
    assert "has no gone; it has build" in sentence(place, "gone")
    (tmp_path / "circle.py").symlink_to(tmp_path / "circle.py")
    for name in ("circle", "a\0b", "a\nb", "x" * 1_000_000):
        assert "does not exist" in sentence(f"{tmp_path}/{name}.py")
    (tmp_path / "net.py").write_text(LINEAR)
    assert "has no " in sentence(tmp_path / "net.py", "a\nb" * 1_000_000)


def test_interrupting_the_code_interrupts(tmp_path):
    (tmp_path / "net.py").write_text("def build(): raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        build(register(f"{tmp_path / 'net.py'}:build"))
