"""Damaged files in the cache of compiled kernels are compiled again."""

import pytest
from numba.core.caching import IndexDataCacheFile

import labkit.kernels.compiled  # noqa: F401, which makes the cache forgiving


@pytest.mark.parametrize("content", [b"", b"garbage garbage", b"\x80\x04\x95"])
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_damaged_file_counts_as_missing_and_is_written_anew(tmp_path, content, ending):
    cache = IndexDataCacheFile(str(tmp_path), "kernel", "stamp")
    cache.save("key", (1, 2))
    assert cache.load("key") == (1, 2)
    damaged = next(tmp_path.glob(f"*.{ending}"))
    damaged.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged .* compiled again"):
        found = cache.load("key")
    assert found is None
    if ending == "nbi":
        with pytest.warns(UserWarning, match="is damaged"):
            cache.save("key", (3, 4))
    else:
        cache.save("key", (3, 4))
    assert cache.load("key") == (3, 4)
