"""Progressive audits refine to the exact audit, can be cancelled, and reuse what did not change without changing an answer."""

import threading
from typing import ClassVar

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
    assert place.steps("condense", {}) == {}
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


class Counted(nn.Linear):
    """Counts its calls in every copy of it together."""

    calls: ClassVar = []

    def forward(self, x):
        Counted.calls.append(len(x))
        return super().forward(x)


def test_the_unchanged_beginning_is_run_by_the_first_batch_of_a_setting_alone():
    torch.manual_seed(0)
    reference = nn.Sequential(*[nn.Sequential(Counted(6, 6), nn.ReLU()) for _ in range(3)], nn.Linear(6, 6)).eval()
    cache, x = PrefixCache(reference), [torch.randn(5, 6) for _ in range(4)]
    smalls = [compress.condense(reference, sparsity=s, layers="3") for s in (0.5, 0.7)]
    wanted = [[small(part) for part in x] for small in smalls]
    Counted.calls.clear()
    with torch.no_grad():
        for small, outputs in zip(smalls, wanted, strict=True):
            for number, (part, output) in enumerate(zip(x, outputs, strict=True)):
                torch.testing.assert_close(cache.run(small, {"3"}, part, (5 * number, 5 * number + 5)), output)
    # the order once on one row; every batch of the reference once; and the first batch of each setting in full
    assert Counted.calls == 3 * [1] + 3 * [5] + 3 * [5] + 3 * 3 * [5] + 3 * [5]


def test_vit_answers_are_the_same_with_reuse_of_its_first_blocks(monkeypatch):
    block, calls = type(models.load("vit_fashion").blocks[0]), []
    plain = block.forward
    monkeypatch.setattr(
        block, "forward", lambda self, x, *given, **named: (calls.append(len(x)), plain(self, x, *given, **named))[1]
    )

    def apply(model, *, data=None, seed=0, progress=None, share):
        calls.clear()
        return compress.condense(model, sparsity=share, layers="blocks.7.*")

    method = Method("toy_last_block", "Toy", "", apply, {"share": Param(0.5, 0.9, 0.6)})
    split = data.load("fashion_mnist").test.subset(slice(0, 300))
    place = live.Session("vit_fashion", split)
    first = answers(split, {"share": 0.6}, method=method, model=place, first=100, seconds=0)
    second = answers(split, {"share": 0.7}, method=method, model=place, first=100, seconds=0)
    assert [step.examples for step in second] == [step.examples for step in first] == [100, 300]
    # 64 rows of a setting's first batch run all eight blocks, all others the last alone; the reference was run by the first setting
    assert [size for size in calls if size > 1] == [100, *8 * [64], 200]
    small = compress.condense(models.load("vit_fashion"), sparsity=0.7, layers="blocks.7.*")
    np.testing.assert_array_equal(second[-1].audit.predictions["predicted"], predict(small, split).argmax(1))
