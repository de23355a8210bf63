"""The pages of the dashboard, in the order of the menu."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One page: its title, its folder below ``views/``, which is also its address, and its icon (drawn from a font that ships)."""

    title: str
    folder: str
    icon: str

    @property
    def script(self) -> str:
        """The file that draws it, below ``app/``."""
        return f"views/{self.folder}/page.py"


# the first one is shown at the dashboard's own address
PAGES = (
    Entry("Home", "home", "home"),
    Entry("Compare", "compare", "balance"),
    Entry("Live", "live", "tune"),
    Entry("Per class", "per_class", "bar_chart"),
    Entry("Speed", "speed", "speed"),
    Entry("Training", "training", "grain"),
    Entry("Reference models", "models", "list_alt"),
)
