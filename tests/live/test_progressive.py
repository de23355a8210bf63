"""Progressive audits refine to the exact audit, can be cancelled, and reuse what did not change without changing an answer."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from labkit import audit, compress, data, live, models
from labkit.compress import Method, Param
from labkit.live.prefix import PrefixCache
from labkit.training import predict


@pytest.fixture(scope="module")
def split():
    return data.load("mnist").test.subset(slice(0, 3000))


def answers(split, params=None, method="condense", model="mlp_mnist", **options):
    return list(live.progressive_audit(method, params or {}, split, model=model, use_grid=False, **options))


def test_it_ends_at_the_audit_of_the_whole_split(split):
    live.forget()
    found = answers(split, {"sparsity": 0.8})
    assert [step.examples for step in found] == [256, 512, 1024, 2048, 3000]
    assert [step.exact for step in found] == [False, False, False, False, True]
    small, reference = compress.condense(models.load("mlp_mnist"), sparsity=0.8), models.load("mlp_mnist")
    whole = audit.audit(small, split, reference=reference, seconds=0)
    last = found[-1].audit
    for name in ("accuracy", "accuracy_low", "accuracy_change", "change_p", "affected_classes", "bytes", "macs"):
        assert last.summary[name] == pytest.approx(whole.summary[name], rel=1e-9), name
    np.testing.assert_array_equal(last.predictions["predicted"], whole.predictions["predicted"])
    np.testing.assert_array_equal(last.predictions["label"], split.labels)


def test_intervals_narrow_and_hold_the_final_value(split):
    found = [step.audit.summary for step in answers(split, {"sparsity": 0.75})]
    widths = [s["accuracy_high"] - s["accuracy_low"] for s in found]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 2 * widths[-1]
    assert all(s["accuracy_low"] <= found[-1]["accuracy"] <= s["accuracy_high"] for s in found)


def test_a_file_sorted_by_class_does_not_mislead_the_first_answer(split):
    ordered = split.subset(np.argsort(split.labels, kind="stable"))
    first = next(iter(live.progressive_audit("condense", {"sparsity": 0.5}, ordered, model="mlp_mnist", use_grid=False)))
    assert (first.audit.per_class["examples"] >= 10).all()


def test_the_same_setting_again_is_answered_from_memory(split):
    live.forget()
    first = answers(split, {"sparsity": 0.7})
    again = list(live.progressive_audit("condense", {"sparsity": 0.7}, split, model="mlp_mnist"))
    assert [step.source for step in again] == ["memory"]
    assert again[0].audit is first[-1].audit


class After:
    """A cancel flag that sets itself after so many looks."""

    def __init__(self, looks):
        self.looks = looks

    def is_set(self):
        self.looks -= 1
        return self.looks < 0


@pytest.mark.parametrize("looks", [0, 1, 2, 4, 7])
def test_a_cancelled_audit_leaves_nothing(split, looks):
    live.forget()
    place = live.session("mlp_mnist", split)
    stopped = answers(split, {"sparsity": 0.6}, model=place, cancel=After(looks))
    assert not any(step.exact for step in stopped)
    assert not place._finished
    assert len(answers(split, {"sparsity": 0.6}, model=place)) == 5


def test_many_threads_get_the_answers_of_one(split):
    place = live.session("mlp_mnist", split)
    wanted = {s: answers(split, {"sparsity": s}, model=place)[-1].audit.summary["accuracy"] for s in (0.5, 0.6, 0.7, 0.9)}
    live.forget()
    place, got, errors = live.session("mlp_mnist", split), {}, []

    def work(sparsity, number):
        try:
            got[sparsity, number] = answers(split, {"sparsity": sparsity}, model=place)[-1].audit.summary["accuracy"]
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(s, n)) for s in wanted for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert got == {(s, n): wanted[s] for s in wanted for n in range(2)}


def test_bad_questions_are_one_sentence(split):
    with pytest.raises(ValueError, match="did you mean 'condense'"):
        live.progressive_audit("condens", {}, split, model="mlp_mnist")
    with pytest.raises(ValueError, match="did you mean 'sparsity'"):
        live.progressive_audit("condense", {"sparsty": 0.5}, split, model="mlp_mnist")
    with pytest.raises(ValueError, match="first must be at least 1"):
        live.progressive_audit("condense", {}, split, 0, model="mlp_mnist")
    with pytest.raises(ValueError, match="sparsity must lie in"):
        list(live.progressive_audit("condense", {"sparsity": 1.5}, split, model="mlp_mnist"))


class Skip(nn.Module):
    """Looks back past its blocks: skipping the beginning would be wrong."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(6, 6) for _ in range(3))

    def forward(self, x):
        first = self.a(x)
        return self.c(self.b(first) + first)


@pytest.mark.parametrize("changed", ["a", "b", "c"])
def test_skipping_is_checked_before_it_is_trusted(changed):
    torch.manual_seed(0)
    reference = Skip().eval()
    small = compress.condense(reference, sparsity=0.5, layers=changed)
    cache, x = PrefixCache(reference), torch.randn(5, 6)
    with torch.inference_mode():
        for _ in range(3):
            torch.testing.assert_close(cache.run(small, {changed}, x, (0, 5)), small(x))


def test_the_unchanged_beginning_runs_once():
    torch.manual_seed(0)
    reference = nn.Sequential(*[nn.Sequential(nn.Linear(6, 6), nn.ReLU()) for _ in range(4)]).eval()
    runs = []
    cache, x = PrefixCache(reference), torch.randn(5, 6)
    smalls = [compress.condense(reference, sparsity=s, layers="3.0") for s in (0.3, 0.5, 0.7)]
    for small in smalls:
        small[1][0].register_forward_hook(lambda *_: runs.append(1))
    with torch.inference_mode():
        for small in smalls:
            torch.testing.assert_close(cache.run(small, {"3.0"}, x, (0, 5)), small(x))
    assert len(runs) == 1 + 3  # once to check the shortened network, and the three direct calls of this test


def test_vit_answers_are_the_same_with_reuse_of_its_first_blocks():
    calls = []

    def apply(model, *, data=None, seed=0, progress=None, share):
        small = compress.condense(model, sparsity=share, layers="blocks.7.*")
        for block in small.blocks:
            block.register_forward_hook(lambda module, given, output: calls.append((share, len(given[0]))))
        return small

    method = Method("toy_last_block", "Toy", "", apply, {"share": Param(0.5, 0.9, 0.6)})
    split = data.load("fashion_mnist").test.subset(slice(0, 300))
    place = live.Session("vit_fashion", split)
    first, second = (answers(split, {"share": s}, method=method, model=place, first=100, seconds=0) for s in (0.6, 0.7))
    assert [step.examples for step in second] == [step.examples for step in first]
    # forward calls of blocks: the first setting runs all eight once to check the shortened network, everything else the last alone
    batches = len([size for share, size in calls if share == 0.7 and size > 1])  # a batch of 1 counts the cost
    assert batches == 2  # of 100 and of 200 examples
    assert len([size for share, size in calls if share == 0.6 and size > 1]) == 8 + 2
    small = compress.condense(models.load("vit_fashion"), sparsity=0.7, layers="blocks.7.*")
    np.testing.assert_array_equal(second[-1].audit.predictions["predicted"], predict(small, split).argmax(1))
