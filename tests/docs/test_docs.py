"""The documentation: every entry of a registry has a page, examples and the tutorial run, generated parts are complete."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import labkit
from labkit import audit, compress, data, models, sparsify
from labkit.registry import registries

ROOT = Path(labkit.__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.append(str(ROOT / "tools"))
import docs_pages  # noqa: E402


@pytest.fixture(scope="module")
def written():
    """Markdown of the pages in docs/, by path."""
    return {path.relative_to(DOCS).as_posix(): path.read_text() for path in DOCS.rglob("*.md")}


@pytest.fixture(scope="module")
def pages(written):
    """Markdown of every page of the site, tables filled in."""
    return {path: docs_pages.filled(text, path) for path, text in {**docs_pages.pages(), **written}.items()}


@pytest.fixture
def example():
    """Load a file of docs/examples; what it registers is removed afterwards."""
    before = [(registry, dict(registry)) for registry in registries()]
    yield lambda name: compress.load_plugin(DOCS / "examples" / name)
    for registry, entries in before:
        registry.clear()
        registry.update(entries)


def test_every_entry_has_a_page_with_all_its_parameters(pages):
    sections = docs_pages.registries()
    assert set(sections) == {"methods", "measures", "rules"}
    for section, registry in sections.items():
        for name, entry in registry.items():
            page = pages[f"{section}/{name}.md"]
            assert f"`{name}`" in page
            for parameter, described in entry.params.items():
                assert re.search(rf"^\| `{parameter}` \| .*{re.escape(described.help)} \|$", page, flags=re.M), (
                    f"{section} {name}: {parameter}"
                )
            assert f"[{name}]({name}.md)" in pages[f"{section}/index.md"]
            assert f"{section}/{name}.md" in docs_pages.sections()[section]


def test_an_entry_from_outside_gets_a_page_too(example):
    for file in ("method.py", "measure.py", "rule.py"):
        example(file)
    made = docs_pages.pages()
    assert (
        "Fraction of the weights" in made["methods/row_pruning.md"] or "Keep the largest weights" in made["methods/row_pruning.md"]
    )
    assert "Mean probability that the model gives to the true class." in made["measures/true_probability.md"]
    assert "Drop by magnitude and grow where the gradient is large" in made["rules/candidates.md"]


def test_written_method_pages_have_idea_api_options_results_and_limits(written):
    for name in ("condense", "low_rank", "magnitude", "quantize", "fips", "srigl"):
        headings = re.findall(r"^## (.+)$", written[f"methods/{name}.md"], flags=re.M)
        assert headings == ["Idea", "API", "Options", "Results", "Limits", "Reference"], name


def test_no_marker_is_left_and_no_table_is_empty(pages):
    for path, text in pages.items():
        assert "<!--" not in text, path
        assert "not measured yet" not in text, path
        for rule in re.finditer(r"^\|(-+:?\|)+$", text, flags=re.M):
            assert text[rule.end() :].startswith("\n| "), f"{path}: a table without rows"


def test_every_public_name_of_a_room_is_in_the_reference(pages):
    for room in docs_pages.ROOMS:
        module = sys.modules[f"labkit.{room}"]
        for name in module.__all__:
            assert re.search(rf"\b{name}\b", pages[f"api/{room}.md"]), f"{room}.{name}"


def test_links_between_pages_lead_somewhere(written):
    known = set(written) | set(docs_pages.pages())
    for path, text in written.items():
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            target = os.path.normpath(Path(path).parent / link)
            assert target in known or (DOCS / target).is_file(), f"{path}: {link}"


def test_every_written_page_is_in_the_navigation(written):
    navigation = (ROOT / "mkdocs.yml").read_text()
    generated = [path for section in docs_pages.sections().values() for path in section]
    for path in written:
        assert path in navigation or path in generated, path


def test_the_site_asks_no_other_host():
    for file in (ROOT / "mkdocs.yml", *DOCS.rglob("*.css"), *DOCS.rglob("*.js")):
        assert not re.search(r"https?://", file.read_text()), file
    assert re.search(r"^  font: false$", (ROOT / "mkdocs.yml").read_text(), flags=re.M)


@pytest.mark.slow
def test_the_blocks_of_the_tutorial_run_in_order(tmp_path, written):
    blocks = re.findall(r"```python\n(.*?)```", written["tutorial.md"], flags=re.S)
    assert len(blocks) == 6
    code = "\n".join(blocks) + "\nassert len(table) == 4 and choice.id in set(table.index)\n"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    assert "keeps" in answer.stdout.splitlines()[-1]
    assert len(list((tmp_path / "runs").iterdir())) >= 4


@pytest.mark.parametrize("kind", ["method", "measure", "rule"])
def test_examples_are_complete_files_of_at_most_40_lines(kind, pages):
    text = (DOCS / "examples" / f"{kind}.py").read_text()
    assert len(text.splitlines()) <= 40
    assert text.rstrip() in pages[f"adding/{kind}.md"]


def test_the_example_of_a_method_prunes_rows(example):
    assert example("method.py") == ["row_pruning"]
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 4), nn.ReLU(), nn.Linear(4, 3))
    before = model[0].weight.clone()
    small = compress.get_method("row_pruning")(model, density=0.3)
    assert (small[0].weight != 0).sum(1).tolist() == [3] * 4
    assert small[0].weight.abs().sum(1).tolist() == pytest.approx(before.abs().topk(3).values.sum(1).tolist())
    assert torch.equal(model[0].weight, before)


def test_the_example_of_a_measure_is_in_the_audit(example):
    assert example("measure.py") == ["true_probability"]
    model, split = models.load("mlp_adult"), data.load("adult").test
    found = audit.audit(model, split, cost=False)
    with torch.no_grad():
        probabilities = model(torch.from_numpy(split.x)).softmax(1).numpy()
    true = probabilities[np.arange(len(split.labels)), split.labels]
    assert found.summary["true_probability"] == pytest.approx(true.mean(), abs=1e-5)
    table = found.extras["true_probability"]
    for label, name in enumerate(split.classes):
        assert table.loc[name, "probability"] == pytest.approx(true[split.labels == label].mean(), abs=1e-5)


def test_the_example_of_a_rule_moves_connections_and_keeps_their_number(example):
    assert example("rule.py") == ["candidates"]
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 4))
    sparsifier = sparsify.make_sparse(model, "candidates", total_steps=100, sparsity=0.8, update_every=2, candidates=0.1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    sparsifier.attach(optimizer)
    first = {name: mask.clone() for name, mask in sparsifier.masks.items()}
    x = torch.randn(16, 20)
    for _ in range(6):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
        sparsifier.step()
    for name, mask in sparsifier.masks.items():
        assert mask.sum() == first[name].sum()
    assert any(not torch.equal(mask, first[name]) for name, mask in sparsifier.masks.items())
