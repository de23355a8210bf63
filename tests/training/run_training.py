"""A training run to be killed in a separate process: dropout, augmentation, momentum, schedule, NumPy and Python randomness."""

import random
import sys
import time

import numpy as np
import torch
from torch import nn

from labkit.training import Batches, Callback, fit, flip_and_shift, warmup_cosine


class Noise(Callback):
    """Adds draws from every global generator to a weight, so that a lost random state changes the result.

    Pauses after each step, and waits at a given step to be killed.
    """

    def stepped(self, loop):
        with torch.no_grad():
            loop.model[-1].bias += 1e-3 * (random.random() + float(np.random.rand()))  # noqa: NPY002
        sys.stdout.write(f"{loop.step}\n")
        sys.stdout.flush()
        while loop.step >= int(sys.argv[4]):
            time.sleep(1)
        time.sleep(float(sys.argv[3]))


def main() -> None:
    folder, steps = sys.argv[1], int(sys.argv[2])
    torch.manual_seed(7)
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    images, labels = torch.rand(40, 1, 8, 8), torch.arange(40) % 4
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 4))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    loop = fit(
        model,
        Batches(images, labels, 8, seed=1, augment=flip_and_shift(1)),
        steps=steps,
        optimizer=optimizer,
        scheduler=warmup_cosine(optimizer, steps, 0.2),
        callbacks=[Noise()],
        checkpoint=f"{folder}/run.pt",
        save_every=float(sys.argv[5]),
        progress=False,
    )
    torch.save({"model": model.state_dict(), "loss": loop.loss}, f"{folder}/done.pt")


if __name__ == "__main__":
    main()
