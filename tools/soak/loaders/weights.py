"""Files of weights: safetensors, state dicts, TorchScript and others, damaged, swollen and of odd tensors."""

import io
import json
import pickle
import random
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import nn

from labkit import models
from tools.soak.loaders.files import odd_entry, odd_name
from tools.soak.loaders.loader import Loader
from tools.soak.mutate import mutated, mutated_json

DTYPES = (
    "F64",
    "F32",
    "F16",
    "BF16",
    "F8_E4M3",
    "F8_E5M2",
    "F8_E8M0",
    "F4",
    "I64",
    "I32",
    "I8",
    "U8",
    "U16",
    "U32",
    "U64",
    "BOOL",
    "C64",
    "X",
)


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).eval()


def _prepare(folder: Path) -> None:
    network, state = _network(), _network().state_dict()
    safetensors.torch.save_file(state, folder / "plain.safetensors")
    torch.save(state, folder / "plain.pt")
    torch.save(state, folder / "older.pt", _use_new_zipfile_serialization=False)
    torch.save({"model": state, "epoch": 3, "optimizer": {"state": {}}}, folder / "nested.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(network), folder / "script.pt")
    np.savez(folder / "arrays.npz", **{name: value.numpy() for name, value in state.items()})
    (folder / "pickled.pkl").write_bytes(pickle.dumps({name: value.numpy() for name, value in state.items()}))
    (folder / "odd.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + bytes(64))
    (folder / "odd.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    (folder / "odd.onnx").write_bytes(b"\x08\x07\x12\x07pytorch" + bytes(64))


def _bomb(path: Path) -> Path:
    """A small archive of 2.5 GB, made when it is first drawn."""
    if not path.is_file():
        plain, half = path.with_suffix(".plain"), path.with_suffix(".half")
        with torch.serialization.skip_data():  # holes instead of numbers
            torch.save({"0.weight": torch.empty(5 * 2**27)}, plain)
        with zipfile.ZipFile(plain) as source, zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
            for facts in source.infolist():
                with target.open(facts.filename, "w", force_zip64=True) as file:
                    if facts.file_size < 2**20:
                        file.write(source.read(facts.filename))
                    else:
                        for _ in range(facts.file_size // 2**20):
                            file.write(bytes(2**20))
        plain.unlink()
        half.rename(path)
    return path


def with_header(content: bytes, rng: random.Random) -> bytes:
    """Safetensors with a changed header of the right length."""
    length = struct.unpack("<Q", content[:8])[0]
    facts = json.loads(content[8 : 8 + length])
    names = [name for name in facts if name != "__metadata__"]
    chance, name = rng.random(), rng.choice(names)
    if chance < 0.4:
        facts[name]["dtype"] = rng.choice(DTYPES)
    elif chance < 0.6:
        facts[name]["shape"] = rng.choice([[], [0], [2**40], [-1], [1] * 100, [2**32, 2**32], [48], [3, 16], [8, 6, 1]])
    elif chance < 0.8:
        other = rng.choice(["", "a\nb", "x" * 10**5, "0", "0.weight.", "module.0.weight", names[0]])
        facts["__metadata__"] = {other: name, "1.weight": name, name: other}
    else:
        facts = mutated_json(facts, rng)
    text = json.dumps(facts).encode()
    return struct.pack("<Q", len(text) + rng.choice([0, 0, 0, 1, -1, 2**40])) + text + content[8 + length :]


def rezipped(content: bytes, rng: random.Random) -> bytes:
    """A torch archive of which one member is mutated, with right checksums."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(held, "w") as target:
        names = source.namelist()
        chosen = rng.choice([*[name for name in names if name.endswith("data.pkl")], *names])
        for name in names:
            inner = source.read(name)
            target.writestr(name, mutated(inner, rng, most=2) if name == chosen else inner)
    return held.getvalue()


def _odd_tensor(rng: random.Random) -> Any:
    offers: list[Callable[[], Any]] = [
        lambda: torch.zeros(8, 6).to(
            rng.choice([torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64, torch.bool, torch.uint64])
        ),
        lambda: torch.zeros(8, 6, dtype=torch.float64) + rng.choice([1e300, float("nan"), float("inf"), -1e308]),
        lambda: torch.quantize_per_tensor(torch.zeros(8, 6), 0.1, 0, torch.qint8),
        lambda: torch.zeros(8, 6).to_sparse(),
        lambda: torch.zeros(8, 6).to_sparse_csr(),
        lambda: torch.zeros(8, 6, device="meta"),
        lambda: torch.zeros(1).expand(2**20, 2**12),
        lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
        lambda: nn.Parameter(torch.zeros(8, 6)),
        lambda: torch.zeros(8, 6, 1),
        lambda: torch.zeros(rng.choice([0, 1, 48])),
        lambda: torch.zeros(8, 6).to_mkldnn(),
        lambda: np.zeros((8, 6)),
        lambda: rng.choice([None, 1, "x", [1], {"a": torch.zeros(1)}, [torch.zeros(8, 6)]]),
    ]
    return rng.choice(offers)()


def _odd_state(path: Path, rng: random.Random) -> None:
    """A state dict with one odd entry, at the top or below a key."""
    state: dict[Any, Any] = dict(_network().state_dict())
    name = rng.choice([*state, "extra", "", "a\nb", 3, ("a",), "x" * 10**5])
    state[name] = _odd_tensor(rng)
    if rng.random() < 0.3:
        state = {rng.choice(["state_dict", "model", "ema", "a\nb", "", 1]): state, "epoch": rng.choice([1, None, "x", 10**400])}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(state, path, _use_new_zipfile_serialization=rng.random() < 0.8)


def _case(sound: Path, folder: Path, rng: random.Random) -> Callable[[], object]:
    source = rng.choice([path for path in sorted(sound.iterdir()) if path.stem != "bomb"])
    path, content, chance = (
        folder / odd_name(rng, rng.choice([source.suffix, source.suffix, ".pth", ".bin", ""])),
        source.read_bytes(),
        rng.random(),
    )
    if chance < 0.02:
        odd_entry(path, rng)
    elif chance < 0.03:
        path.symlink_to(_bomb(sound / "bomb.pt"))
    elif chance < 0.3:
        _odd_state(path, rng)
    elif source.suffix == ".safetensors" or chance < 0.45:
        path.write_bytes(with_header((sound / "plain.safetensors").read_bytes(), rng))
    elif zipfile.is_zipfile(source) and chance < 0.7:
        path.write_bytes(rezipped(content, rng))
    else:
        path.write_bytes(mutated(content, rng))
    network = _network()
    return lambda: models.load_weights(network, path)


LOADER = Loader("weights", _prepare, _case)
