"""The one build step that pyproject.toml cannot state: the dashboard travels inside the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
# what the pages read; below labkit/_dashboard each has the path that it has in the repository
CARRIED = ("app", "benchmarks/results")


class BuildWithDashboard(build_py):
    """Copy the dashboard to ``labkit/_dashboard``; an editable installation goes on using the repository's."""

    def run(self) -> None:
        """Build from an empty folder, since a reused one ships modules that have been moved or removed."""
        if self.editable_mode:
            return super().run()
        package = Path(self.build_lib) / "labkit"
        shutil.rmtree(package, ignore_errors=True)
        super().run()
        for name in CARRIED:
            # app/static is written by a running dashboard
            skip = shutil.ignore_patterns("__pycache__", "static")
            shutil.copytree(HERE / name, package / "_dashboard" / name, ignore=skip)


setup(cmdclass={"build_py": BuildWithDashboard})
