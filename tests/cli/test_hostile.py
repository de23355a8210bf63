"""What comes from outside is shown as it is: no markup, no control of the terminal, no message of a megabyte, in any encoding."""

import io
import json
import os
import subprocess
import sys

import pandas as pd
import pytest

from labkit.cli import main
from labkit.cli.output import MANY, print_json, print_table, progress_bar, say
from labkit.messages import LONGEST
from labkit.training.progress import TrainingProgress

NAMES = ["[unknown]", "[/]", "[bold]x[/bold]", "[link=http://a]b[/link]", "\\[x]", ":smile:"]
NAMES += ["a\x1b[31mb", "one\ntwo", "caf\udce9", "\u202eabc"]


@pytest.mark.parametrize("rows", [1, MANY], ids=["rich", "plain"])
def test_names_are_printed_as_they_are(capsys, rows):
    cells = [[name, *[1] * len(NAMES)] for name in NAMES * rows]
    frame = pd.DataFrame(cells, columns=pd.Index(["group", *NAMES], dtype=object), dtype=object)
    os.environ["COLUMNS"] = "400"
    try:
        print_table(frame, "by [/] of [unknown] and \x1b[2J")
    finally:
        del os.environ["COLUMNS"]
    said = capsys.readouterr().out
    for name in NAMES:
        shown = name.encode("unicode_escape").decode() if not name.isprintable() else name
        assert said.count(shown) >= 2, name
    assert "by [/] of [unknown] and \\x1b[2J" in said
    assert "\x1b" not in said


def test_progress_bars_show_names_as_they_are(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    bar, report = progress_bar()
    with bar:
        for name in NAMES:
            report(1, 2, f"timm:{name}")
    assert "timm:" in terminal.getvalue()
    with TrainingProgress("[/] of [unknown]", 10, 0) as training:
        training.update(1, 0.5, "validation [/]")
    assert "[/] of [unknown]" in terminal.getvalue()


def ends(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code, capsys.readouterr()


PLUGIN = """
import sys
from labkit.compress import Method, register

def leave(model, **_):
    sys.exit(0)

def shout(model, **_):
    raise ValueError("x" * 10**6)

register(Method("leave", "Leaves", "", leave))
register(Method("shout", "Shouts", "", shout))
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--plugin", "quits.py", "methods"], "failed: it called sys.exit(0)"),
        (["--plugin", "own.py", "compress", "--model", "mlp_adult", "--method", "leave"], "leave of mlp_adult failed"),
        (["--plugin", "own.py", "compress", "--model", "mlp_adult", "--method", "shout"], "xxx… ("),
        (["compress", "--model", "mlp_adult", "--method", "y" * 10**6], "unknown method 'yyy"),
        (["compress", "--model", "mlp_adult", "--method", "quantize", "--set", "z" * 10**6], "--set takes NAME=VALUE, got 'zzz"),
        (["compress", "--model", "mlp_adult", "--method", "quantize", "--set", f"mode={'z' * 10**6}"], "must be one of"),
        (["compress", "--model", "mlp_adult", "--method", "condense", "--seed", "-1"], "the seed must be a whole number from 0"),
        (
            ["compress", "--model", "mlp_adult", "--method", "condense", "--seed", "9" * 30],
            "the seed must be a whole number from 0",
        ),
        (["train", "mlp_adult", "--seed", "-1"], "the seed must be a whole number from 0"),
        (["models", "show", "mlp_adult", "--seed", "-1"], "the seed must be a whole number from 0"),
        (["compress", "--model", "m", "--method", "condense", "--set", "a=1", "--set", "a=2"], "--set gives 'a' twice"),
        (["data", "show", "t.csv", "--target", "y", "--groups", "g,g"], "--groups names 'g' twice; name it once"),
        (["compress", "--model", "mlp_adult", "--method", "condense", "--groups", "g,g"], "--groups names 'g' twice"),
        (["data", "show", "[/]\x1b[2J"], r"'[/]\x1b[2J'"),
        (["data", "show", "caf\udce9"], "unknown data set 'caf\\"),
        (["y" * 10**6], "No such command 'yyy"),
        (["data", "show", "german", "--size", "9" * 10**5], "Invalid value for '--size'"),
    ],
    ids=lambda words: " ".join(words)[-30:].encode("unicode_escape").decode() if isinstance(words, list) else "",
)
def test_a_mistake_is_one_short_sentence(capsys, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(PLUGIN)
    (tmp_path / "quits.py").write_text("import sys; sys.exit(0)")
    (tmp_path / "t.csv").write_text("x,g,y\n" + "1,a,0\n2,b,1\n" * 30)
    code, found = ends(capsys, *words)
    assert code == 2
    assert said in found.err
    assert found.err.count("\n") == 1
    assert len(found.err) < LONGEST + 300
    assert "\x1b" not in found.err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_json_in_any_encoding(monkeypatch, encoding):
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", write_through=True))
    print_json({"Größe": "caf\udce9 – €"})
    say("Größe [/] –")
    lines = raw.getvalue().decode(encoding.replace("ascii", "utf-8")).split("\n")
    assert json.loads("".join(lines[:3])) == {"Größe": "caf\udce9 – €"}
    assert lines[3].startswith("Gr")


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux only")
def test_names_that_are_no_text_and_a_terminal_that_knows_ascii_only(tmp_path):
    rows = "x,g,y\n" + "".join(f"{i},{'ä–'[i % 2]},{'ja' if i % 3 else 'né'}\n" for i in range(60))
    (tmp_path / "caf\udce9.csv").write_text(rows, encoding="utf-8")
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "labkit", "data", "show", "caf\udce9.csv", "--target", "y"]
    for more in (["--groups", "g"], ["--json"]):
        answer = subprocess.run([*command, *more], cwd=tmp_path, env=env, capture_output=True)
        said = answer.stdout.decode()
        assert answer.returncode == 0, answer.stderr
        assert b"Traceback" not in answer.stderr
        assert "caf\\" in said  # the byte as an escape
    assert json.loads(said)["classes"]["né"]
