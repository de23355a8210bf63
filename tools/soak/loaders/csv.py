"""CSV files: cells, encodings, options, damaged and swollen archives, and what is no file at all."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit import data
from tools.soak.loaders.files import odd_entry, odd_name
from tools.soak.loaders.loader import Loader
from tools.soak.mutate import NUMBERS, ODD_TEXT, mutated, mutated_text

BOMB = 2**24  # bytes of one member; archives of many members are the same member again
TIMES = 192
BOMBS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
ENDINGS = (
    ".csv",
    ".csv",
    ".csv",
    ".tsv",
    ".csv.gz",
    ".csv.bz2",
    ".csv.xz",
    ".csv.zip",
    ".csv.zst",
    ".csv.tar",
    ".csv.tar.gz",
    ".txt",
    "",
)


def _prepare(folder: Path) -> None:
    rows = ["age,sex,income,when,died"]
    rows += [
        f'{20 + i % 60},{"fm"[i % 2]},"1,{i % 900:03d}.5",2020-01-{1 + i % 28:02d},{"yes" if i % 3 else "no"}' for i in range(60)
    ]
    plain = "\n".join(rows) + "\n"
    (folder / "plain.csv").write_text(plain)
    (folder / "semicolon.csv").write_text(plain.replace('"', "").replace(",", ";").replace(";", ",", 0))
    (folder / "tab.csv").write_text("age\tsex\tdied\n" + "30\tf\tno\n41\tm\tyes\n" * 20)
    (folder / "utf16.csv").write_bytes(plain.encode("utf-16"))
    (folder / "latin.csv").write_bytes("größe;geschlecht;died\n".encode("latin-1") + b"1,5;f;no\n2,5;m;yes\n" * 20)


def _bomb(sound: Path, ending: str) -> Path:
    """A small archive of 3 GB of rows, made when it is first drawn."""
    path = sound / f"bomb.csv{ending}"
    if not path.is_file():
        half, line = path.with_suffix(".half"), b"1.5,2.5,f,yes\n2.5,1.5,m,no\n" * 4096
        member = b"a,b,c,died\n" + line * (BOMB // len(line))
        if ending == ".zip":
            with (
                zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
                archive.open("f.csv", "w", force_zip64=True) as file,
            ):
                for _ in range(TIMES):
                    file.write(member)
        else:
            half.write_bytes(BOMBS[ending](member) * TIMES)
        half.rename(path)
    return path


def _packed(content: bytes, ending: str) -> bytes:
    held = io.BytesIO()
    if ending.endswith(".zip"):
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("f.csv", content)
    elif ".tar" in ending:
        with tarfile.open(fileobj=held, mode="w:gz" if ending.endswith(".gz") else "w") as tar:
            facts = tarfile.TarInfo("f.csv")
            facts.size = len(content)
            tar.addfile(facts, io.BytesIO(content))
    elif ending.endswith((".gz", ".bz2", ".xz")):
        return BOMBS["." + ending.rpartition(".")[2]](content)
    elif ending.endswith(".zst"):
        return b"\x28\xb5\x2f\xfd\x24" + content[:40]  # begins like one
    return held.getvalue() or content


def _large(rng: random.Random) -> str:
    """Small files that grow: names, many columns, long cells, many classes."""
    kind = rng.randrange(5)
    if kind == 0:
        return "name,died\n" + "".join(f"person {rng.randrange(10**9)},{i % 2}\n" for i in range(15_000))
    if kind == 1:
        return (
            ",".join(["died", *(f"c{i}" for i in range(10_000))]) + "\n" + ("1" + ",2" * 10_000 + "\n0" + ",3" * 10_000 + "\n") * 10
        )
    if kind == 2:
        return "a,died\n" + "".join(f"{i},class {i // 5}\n" for i in range(20_000))
    if kind == 3:
        return "a,died\n" + f"{'x' * 10**6},yes\ny,no\n" * 10
    return "a,died\n" + "".join(f"{i % 7},{10 ** rng.randrange(12)}\n" for i in range(200))


def _options(rng: random.Random, text: str) -> dict[str, Any]:
    columns = (text.splitlines() or [""])[0].replace(";", ",").replace("\t", ",").split(",")
    pick = lambda: rng.choice([*columns, *ODD_TEXT, "nowhere"])  # noqa: E731
    given: dict[str, Any] = {"target": "died" if rng.random() < 0.8 else pick()}
    offers = {
        "groups": [[pick()], [pick(), pick()], "sex", []],
        "favourable": ["yes", "no", "?", ""],
        "drop": [[pick()], "when"],
        "categories": [[pick()], "age"],
        "max_categories": [2, 100, 10**9, -1, 2.5],
        "missing": ["drop", "refuse", "?"],
        "encoding": ["utf-8", "latin-1", "utf-16", "utf-7", "idna", "rot13", "hex", "nope", "x\x00"],
        "separator": [",", ";", "\t", "|", "", "ab", "\n", '"', "1"],
        "decimal": [".", ",", "x"],
        "validation_share": [0, 0.5, 1, -1, float("nan"), 1e308],
        "test_share": [0, 0.9, 2],
        "seed": [-1, 2**32, 2**64, 1.5, "x"],
        "groups_as_features": [True],
    }
    for name in rng.sample(sorted(offers), rng.choice([0, 0, 1, 2, 3])):
        given[name] = rng.choice(offers[name])
    return given


def _case(sound: Path, folder: Path, rng: random.Random) -> Callable[[], object]:
    source, ending = rng.choice(sorted(sound.glob("*.csv"))), rng.choice(ENDINGS)
    path = folder / odd_name(rng, ending)
    text = source.read_bytes().decode("latin-1")
    given = _options(rng, text)
    chance = rng.random()
    if chance < 0.03:
        odd_entry(path, rng)
    elif chance < 0.05:
        bomb = _bomb(sound, rng.choice([*BOMBS, ".zip"]))
        path = folder / bomb.name
        path.symlink_to(bomb)
        given = {"target": "died"}
    elif chance < 0.1:
        path.write_bytes(_packed(_large(rng).encode(), ending))
        given = {"target": "died"}
    else:
        if rng.random() < 0.6:
            text = mutated_text(text, rng)
        elif rng.random() < 0.3:
            text = "\n".join(",".join(rng.choice([*NUMBERS, "a", "b", "yes", "no", ""]) for _ in range(3)) for _ in range(30))
            text = "a,b,died\n" + text
        content = _packed(text.encode("latin-1", "replace"), ending)
        path.write_bytes(mutated(content, rng) if rng.random() < 0.5 else content)
    if rng.random() < 0.1:
        return lambda: data.csv_defects(path, target=given["target"])
    if rng.random() < 0.1:
        like = data.from_csv(sound / "plain.csv", target="died", groups=["sex"])
        return lambda: data.from_csv(path, like=like)
    return lambda: data.from_csv(path, **given)


LOADER = Loader("from_csv", _prepare, _case)
