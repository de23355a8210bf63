"""The first call in a process: compilation, its notice, and folders without write access."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import labkit

PROGRAM = """
import torch
from labkit.kernels import fixed_fan_in
assert torch.equal(fixed_fan_in(torch.ones(4, 3), torch.ones(2, 2), torch.tensor([[0, 1], [1, 2]])), torch.full((4, 2), 2.0))
"""


@pytest.mark.slow
def test_kernels_compile_when_home_and_package_are_read_only(tmp_path):
    package, temporary = tmp_path / "labkit", tmp_path / "temporary"
    shutil.copytree(Path(labkit.__file__).parent / "kernels", package / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").touch()
    (package / "kernels" / "__pycache__").touch()  # a file in place of the folder: not even root can write into it
    temporary.mkdir()
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/cache", "TMPDIR": str(temporary), "PYTHONPATH": str(tmp_path)}
    environment = {**os.environ, **nowhere}
    environment.pop("NUMBA_CACHE_DIR", None)
    cold, warm = (
        subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        for _ in range(2)
    )
    assert cold.returncode == 0, cold.stderr
    assert "compiling labkit's kernels" in cold.stderr
    assert list(temporary.rglob("*.nbi"))
    assert warm.returncode == 0, warm.stderr
    assert "compiling" not in warm.stderr
