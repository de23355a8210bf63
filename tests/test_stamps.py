"""A stamp changes with what lies behind links, and survives circles and broken ones."""

import os

from labkit.stamps import stamp


def test_links_are_followed_and_circles_end(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "far" / "a.txt").write_text("one")
    os.symlink(tmp_path / "far", tmp_path / "root" / "near")
    os.symlink(tmp_path / "root", tmp_path / "far" / "back")
    os.symlink(tmp_path / "nowhere", tmp_path / "root" / ".broken")
    before = stamp(tmp_path / "root")
    assert before == stamp(tmp_path / "root")
    (tmp_path / "far" / "a.txt").write_text("two longer")
    assert stamp(tmp_path / "root") != before
