"""Training: one loop with callbacks, deterministic batches, and checkpoints that resume bit for bit."""

from labkit.training import checkpoint
from labkit.training.batches import Augment, Batches, flip_and_shift
from labkit.training.callbacks import Callback, KeepBest
from labkit.training.curve import Curve
from labkit.training.loop import Loop, fit
from labkit.training.nonfinite import NonFiniteLoss
from labkit.training.outputs import logits_of
from labkit.training.prediction import accuracy, predict
from labkit.training.schedules import decay_matrices_only, warmup_cosine

__all__ = [
    "Augment",
    "Batches",
    "Callback",
    "Curve",
    "KeepBest",
    "Loop",
    "NonFiniteLoss",
    "accuracy",
    "checkpoint",
    "decay_matrices_only",
    "fit",
    "flip_and_shift",
    "logits_of",
    "predict",
    "warmup_cosine",
]
