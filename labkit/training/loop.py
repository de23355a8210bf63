"""The training loop that all models and trained methods use."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labkit.forwarding import running
from labkit.messages import said
from labkit.training import checkpoint as checkpoints
from labkit.training.batches import Batches
from labkit.training.callbacks import Callback
from labkit.training.interruption import Interruption
from labkit.training.nonfinite import NonFiniteLoss, describe
from labkit.training.outputs import logits_of
from labkit.training.progress import TrainingProgress
from labkit.words import shortly

Loss = Callable[[Tensor, Tensor], Tensor]


class Loop:
    """State of one training run, as callbacks see it.

    Parameters
    ----------
    model, batches, steps, optimizer, scheduler, loss, clip_norm, precision, callbacks
        As for `fit`.

    Attributes
    ----------
    step, steps : int
        Completed steps and their total.
    stopped : bool
        Whether a callback has ended the training early; see `stop`.
    loss : float
        Running mean of the training loss (decay 0.98).
    """

    def __init__(
        self,
        model: nn.Module,
        batches: Batches,
        *,
        steps: int,
        optimizer: torch.optim.Optimizer,
        scheduler: torch.optim.lr_scheduler.LRScheduler | None,
        loss: Loss,
        clip_norm: float | None,
        precision: str,
        callbacks: Sequence[Callback],
    ) -> None:
        self.model, self.batches, self.optimizer, self.scheduler = model, batches, optimizer, scheduler
        self.loss_function, self.clip_norm, self.callbacks = loss, clip_norm, callbacks
        self.step, self.steps, self.loss, self.message = 0, steps, float("nan"), ""
        self.stopped = False
        self.device = next(model.parameters()).device
        dtypes = {parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()}
        self.dtype = dtypes.pop() if len(dtypes) == 1 else None  # a network of several dtypes casts by itself
        # bfloat16 halves the time on GPUs that support it and is 9 to 17 times slower on CPUs
        helps = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        self.autocast = precision == "bfloat16" or (precision == "auto" and helps)

    def report(self, message: str) -> None:
        """Show a message on the progress line until the next one.

        Parameters
        ----------
        message : str
            Short text.
        """
        self.message = message

    def stop(self) -> None:
        """End the training after the current step."""
        self.stopped = True

    @property
    def done(self) -> bool:
        """Whether training is complete or stopped."""
        return self.stopped or self.step >= self.steps

    def train_step(self) -> None:
        """Train on one batch: forward, check of the loss, backward, clipping, optimizer, scheduler, callbacks.

        Raises
        ------
        NonFiniteLoss
            If the loss is NaN or infinite; the weights are then unchanged.
        ValueError
            If the model raises an error for the batch.
        """
        x, labels = (t.to(self.device, non_blocking=True) for t in self.batches[self.step])
        if self.dtype is not None and x.is_floating_point():
            x = x.to(self.dtype)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            loss = self.loss_function(self._outputs(x), labels)
        value = float(loss.detach())
        if value != value or abs(value) == float("inf"):
            self._stop_non_finite(value, x)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        self.loss = value if self.loss != self.loss else 0.98 * self.loss + 0.02 * value
        self.step += 1
        for callback in self.callbacks:
            callback.stepped(self)

    def _outputs(self, x: Tensor) -> Any:
        """Outputs as the loss takes them: of a network that returns several, the logits for a loss of logits."""
        with running("the network", x, "this batch"):
            output = self.model(x)
        of_logits = self.loss_function is F.cross_entropy or isinstance(self.loss_function, nn.modules.loss._Loss)
        return logits_of(output) if of_logits else output

    def _stop_non_finite(self, value: float, x: Tensor) -> None:
        epoch, batch = divmod(self.step, self.batches.per_epoch)
        where = f"step {self.step + 1} (epoch {epoch + 1}, batch {batch + 1} of {self.batches.per_epoch})"
        raise NonFiniteLoss(f"the loss became {value} at {where}: {describe(self.model, x)}")

    def state_dict(self) -> dict:
        """Return the state to save in a checkpoint.

        Returns
        -------
        dict
            Step, model, optimizer, scheduler, callbacks and settings.
        """
        return {
            "step": self.step,
            "steps": self.steps,
            "loss": self.loss,
            "message": self.message,
            "stopped": self.stopped,
            "seed": self.batches.seed,
            "batch_size": self.batches.batch_size,
            "examples": len(self.batches.inputs),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else _plain(self.scheduler.state_dict()),
            "callbacks": [callback.state_dict() for callback in self.callbacks],
        }

    def load_state_dict(self, state: dict, path: Path) -> None:
        """Continue from a checkpoint.

        Parameters
        ----------
        state : dict
            As read by `labkit.training.checkpoint.load`.
        path : Path
            Its file, for error messages.

        Raises
        ------
        ValueError
            If it belongs to a run with other settings or another architecture, or lacks parts.
        """
        try:
            self._restore(state, path)
        except ValueError:
            raise
        except Exception as error:  # parts of other types or shapes end in errors of many types
            raise ValueError(f"checkpoint {path} lacks parts of a training ({said(error)}); delete it to start over") from error

    def _restore(self, state: dict, path: Path) -> None:
        own = self.state_dict()
        for key in ("steps", "seed", "batch_size", "examples"):
            if state[key] != own[key]:
                raise ValueError(
                    f"checkpoint {path} was made with {key}={state[key]}, this run has {own[key]}; delete it to start over"
                )
        if len(state["callbacks"]) != len(self.callbacks):
            raise ValueError(
                f"checkpoint {path} was made with {len(state['callbacks'])} callbacks, this run has {len(self.callbacks)}"
            )
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise ValueError(f"checkpoint {path} belongs to another architecture; delete it to start over") from error
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        for callback, its_state in zip(self.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(its_state)
        self.step, self.loss, self.message = state["step"], state["loss"], state["message"]
        self.stopped = state.get("stopped", False)  # absent from older checkpoints
        checkpoints.restore_random_state(state["random"])


def fit(
    model: nn.Module,
    batches: Batches,
    *,
    steps: int,
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    loss: Loss = F.cross_entropy,
    clip_norm: float | None = None,
    precision: str = "auto",
    callbacks: Sequence[Callback] = (),
    checkpoint: str | os.PathLike | None = None,
    save_every: float = 60.0,
    progress: bool = True,
    title: str = "training",
) -> Loop:
    """Train a model in place.

    Parameters
    ----------
    model : nn.Module
        Left in eval mode.
    batches : Batches
        Data order and augmentation; a pure function of the step number.
    steps : int
        Total optimizer steps, including those before an interruption.
    optimizer : torch.optim.Optimizer
        For the parameters of the model.
    scheduler : torch.optim.lr_scheduler.LRScheduler, optional
        Steps once per batch.
    loss : callable (outputs, labels) -> scalar
        Training loss.
    clip_norm : float, optional
        Maximum gradient norm.
    precision : {"auto", "float32", "bfloat16"}
        "auto" uses bfloat16 autocast on GPUs that support it and float32 elsewhere.
    callbacks : sequence of Callback
        Called after each step, in order; their state is saved with each checkpoint.
    checkpoint : path, optional
        File from which training resumes, bit for bit, if it exists; saved regularly, after the last step, and on Ctrl-C or SIGTERM
        at the end of the step (a second one ends the training at once).
    save_every : float
        Seconds between checkpoints.
    progress : bool
        Show a progress bar.
    title : str
        Its label.

    Returns
    -------
    Loop
        The final state.

    Raises
    ------
    NonFiniteLoss
        If the loss becomes NaN or infinite; the message names step, epoch and the first affected layer.
    ValueError
        If a setting is invalid, or the checkpoint is damaged or belongs to another run.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if precision not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"precision must be 'auto', 'float32' or 'bfloat16', got {shortly(precision)}")
    loop = Loop(
        model,
        batches,
        steps=steps,
        optimizer=optimizer,
        scheduler=scheduler,
        loss=loss,
        clip_norm=clip_norm,
        precision=precision,
        callbacks=callbacks,
    )
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and path.exists():
        loop.load_state_dict(checkpoints.load(path), path)
    _run(loop, path, save_every, TrainingProgress(title, steps, loop.step, shown=progress))
    return loop


def _run(loop: Loop, path: Path | None, save_every: float, bar: TrainingProgress) -> None:
    loop.model.train()
    for callback in loop.callbacks:
        callback.started(loop)
    saved = time.monotonic()
    with Interruption(active=path is not None) as interrupted:
        with bar:
            asked = False
            while not (loop.done or asked):
                loop.train_step()
                bar.update(loop.step, loop.loss, loop.message)
                asked = interrupted.signal is not None  # looked at once a step, so that none ends unsaved
                if path is not None and (time.monotonic() - saved >= save_every or loop.done or asked):
                    checkpoints.save(path, loop.state_dict())
                    saved = time.monotonic()
        interrupted.obey(f"step {loop.step:,} of {loop.steps:,} is saved in {path}; the same training goes on from there")
    for callback in loop.callbacks:
        callback.finished(loop)
    loop.model.eval()


def _plain(state: dict) -> dict:
    """Drop the functions that LambdaLR keeps in its state, which cannot be loaded without pickle."""
    return {key: [None] * len(value) if key == "lr_lambdas" else value for key, value in state.items()}
