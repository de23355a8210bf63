"""Names and options of timm networks, and files of the user's own networks."""

import random
from collections.abc import Callable
from pathlib import Path

import timm

from labkit import models
from labkit.models import own
from tools.soak.loaders.files import odd_name
from tools.soak.loaders.loader import Loader, nothing
from tools.soak.mutate import ODD_TEXT, VALUES, mutated

SMALL = (
    "resnet10t",
    "vit_tiny_patch16_224",
    "mobilenetv3_small_050",
    "mixer_s16_224",
    "convnext_atto",
    "efficientnet_b0",
    "swin_tiny_patch4_window7_224",
    "lcnet_050",
)
OPTIONS = {
    "img_size": [8, 32, 33, 0, -1, 10**6, (1, 2, 3), "224"],
    "num_classes": [2, 0, -1, 10**5, 10**9, 2.5, "2", None],
    "in_chans": [1, 0, -1, 7, 10**6, "3", 2.5],
    "drop_rate": [0.5, 2.0, "x", -1],
    "embed_dim": [8, 7, 10**5, 10**7, 0, "x"],
    "depth": [1, 0, 10**4, 10**6, "x"],
    "num_heads": [1, 0, 7],
    "patch_size": [0, 1, 10**5],
    "global_pool": ["avg", "", "x", 3],
    "features_only": [True, "x"],
    "pretrained": [True, False, "no"],
    "checkpoint_path": ["/nowhere", "/etc/passwd"],
    "pretrained_cfg": [{}, "x", {"mean": "x"}],
    "scriptable": [True],
    "exportable": [True],
    "act_layer": ["relu", "x", 3],
    "norm_layer": ["x", 3],
    "width_multiplier": [10**4],
    "cardinality": [0, 10**5],
    "base_width": [10**6, -1],
    "mlp_ratio": [10**6, -1, "x"],
    "seed": [-1, 2**70, "x", 1.5, None],
}
FILES = (
    "from torch import nn\ndef build(num_classes=2, in_chans=3):\n    return nn.Linear(in_chans, num_classes)\n",
    "from torch import nn\ndef build(): return nn.Linear(10**6, 10**6)\n",
    "def build(): return 3\n",
    "def build(a, b, c, *, d): return None\n",
    "build = 3\n",
    "import sys\nsys.exit(0)\n",
    "raise SystemExit('a\\nb')\n",
    "raise GeneratorExit\n",
    "raise BaseException('x')\n",
    "raise ValueError('x' * 10**6)\n",
    "raise ValueError('a\\nb\\nc')\n",
    "def build(): raise ValueError('a\\n' * 10**5)\n",
    "def build(): raise SystemExit(0)\n",
    "class E(Exception):\n    def __str__(self): raise RuntimeError('no')\nraise E\n",
    "def build(): build()\n",
    "def f(): f()\nf()\n",
    "import nowhere_at_all\n",
    "def build(:\n",
    "\x00",
    "# coding: nope\n",
    "build = type('B', (), {'__call__': lambda self: 1, '__signature__': 3})()\n",
    "from torch import nn\nclass build(nn.Module):\n    def __getattr__(self, name): raise KeyError(name)\n",
    "def __getattr__(name): raise OSError('a\\nb')\n",
)


def _timm(sound: Path, folder: Path, rng: random.Random) -> Callable[[], object]:
    name = rng.choice(SMALL) if rng.random() < 0.85 else rng.choice([*ODD_TEXT, "x" * 10**5, rng.choice(timm.list_models())])
    given = {key: rng.choice([*OPTIONS[key], *rng.sample(VALUES, 2)]) for key in rng.sample(sorted(OPTIONS), rng.randint(1, 3))}
    if rng.random() < 0.05:
        given[rng.choice(["x", "block", "self", "model_name", "**", "a b"])] = 1
    (folder / "case.txt").write_text(f"timm:{name[:200]} {str(given)[:2000]}\n")
    return lambda: models.load(f"timm:{name}", **given)  # type: ignore[arg-type]


def _own(sound: Path, folder: Path, rng: random.Random) -> Callable[[], object]:
    path = folder / odd_name(rng, ".py")
    content = rng.choice(FILES).encode()
    path.write_bytes(mutated(content, rng, most=2) if rng.random() < 0.4 else content)
    name = f"{path}:{rng.choice(['build', 'build', 'build', 'x', '', 'build.x', 'a b', '__dict__', '__builtins__'])}"

    def read() -> None:
        own.build(own.register(name), num_classes=2, in_chans=3)

    return read


TIMM, OWN = Loader("timm", nothing, _timm), Loader("own_networks", nothing, _own)
