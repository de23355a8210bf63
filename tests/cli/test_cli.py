"""The command line, as a user types it: answers, JSON, and one sentence with exit code 2 for a mistake."""

import json
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from labkit.models.card import WEIGHTS


def labkit(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "labkit", *map(str, arguments)], capture_output=True, text=True, **options)


def test_help_lists_the_commands():
    answer = labkit("--help")
    assert answer.returncode == 0
    for command in ("app", "data", "models", "train"):
        assert f"\n  {command}" in answer.stdout


def test_data_show_prints_json(tmp_path):
    answer = labkit("data", "show", "german", "--json")
    facts = json.loads(answer.stdout)
    assert facts["classes"]["bad credit"] == {"train": 180, "validation": 60, "test": 60}
    assert {row["group"] for row in facts["groups"]} == {"Female", "Male", "25 or younger", "Over 25"}


def test_data_show_reads_the_users_folder_and_writes_a_grid(image_folder, tmp_path):
    answer = labkit("data", "show", image_folder, "--grid", tmp_path / "grid.png")
    assert answer.returncode == 0, answer.stderr
    assert "cat" in answer.stdout
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")


def test_data_show_reads_the_users_csv(tmp_path):
    (tmp_path / "t.csv").write_text("x,sex,y\n" + "".join(f"{i},{'fm'[i % 2]},{i % 3}\n" for i in range(60)))
    facts = json.loads(labkit("data", "show", tmp_path / "t.csv", "--target", "y", "--groups", "sex", "--json").stdout)
    assert facts["classes"]["2"] == {"train": 12, "validation": 4, "test": 4}


def test_models_list_and_show():
    rows = json.loads(labkit("models", "list", "--json").stdout)
    assert {row["name"] for row in rows} >= {"mlp_adult", "mlp_mnist"}
    facts = json.loads(labkit("models", "show", "mlp_mnist", "--json").stdout)
    assert facts["macs"] == 784 * 300 + 300 * 100 + 100 * 10
    assert facts["parameters"] == 266_610


def test_train_writes_weights_and_card(tmp_path):
    answer = labkit("train", "mlp_adult", "--epochs", 1, "--folder", tmp_path, "--json", "--quiet")
    card = json.loads(answer.stdout)
    assert card == json.loads((tmp_path / "mlp_adult.json").read_text())
    assert card["test_accuracy"] > 0.8
    assert load_file(tmp_path / "mlp_adult.safetensors").keys() == load_file(WEIGHTS / "mlp_adult.safetensors").keys()


def test_train_sparse_stores_a_run(tmp_path):
    answer = labkit(
        *("train", "mlp_adult", "--sparsify", "srigl", "--sparsity", 0.8, "--set", "update_every=10", "--epochs", 1),
        *("--store", tmp_path, "--json", "--quiet"),
    )
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert {row["layer"]: row["active"] * row["fan_in"] for row in found["layers"]} == {
        row["layer"]: row["nonzeros"] for row in found["layers"]
    }
    assert found["summary"]["accuracy"] > 0.75
    listed = json.loads(labkit("runs", "list", "--store", tmp_path, "--json").stdout)
    assert [row["run"] for row in listed] == [found["run"]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "mlp_adlt"], "did you mean 'mlp_adult'"),
        (["train", "mlp_adult", "--epochs", "0"], "epochs must be at least 1"),
        (["train", "mlp_adult", "--sparsity", "0.9"], "belong to a sparse training; name its rule, e.g. --sparsify srigl"),
        (["train", "mlp_adult", "--sparsify", "srigl", "--set", "gama_sal=1"], "did you mean 'gamma_sal'"),
        (
            ["train", "mlp_adult", "--sparsify", "srigl", "--set", "fan_in=some"],
            "parameter fan_in of srigl needs a number, got 'some'",
        ),
        (["train", "mlp_adult", "--sparsify", "srigl", "--folder", "here"], "goes into --store, not into --folder"),
        (["train", "mlp_adult", "--epochs", "two"], "'two' is not a valid integer"),
        (["data", "show", "fashion"], "did you mean 'fashion_mnist'"),
        (["data", "show", "german", "--grid", "g.png"], "needs images"),
        (["data", "show", "nowhere.csv", "--target", "y"], "does not exist"),
        (["data", "show", "german", "--groups", "sex"], "--target"),
        (["models", "show", "timm:nothing"], "unknown timm model"),
        (["models", "show", "mlp_mnist", "--weights", "none.pt"], "does not exist"),
        (["compres"], "No such command 'compres'"),
        (["app", "--port", "0"], "port"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(arguments, words, tmp_path):
    answer = labkit(*arguments, cwd=tmp_path)
    assert answer.returncode == 2
    assert words in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert "Traceback" not in answer.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    answer = labkit("train", "mlp_adult", "--epochs", 1, "--folder", tmp_path / "file" / "weights", "--quiet")
    assert answer.returncode == 2
    assert "cannot write" in answer.stderr
    assert answer.stderr.count("\n") == 1
