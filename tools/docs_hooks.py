"""Hooks of mkdocs (mkdocs.yml): generated pages, their place in the navigation, and the tables inside written pages."""

import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
import docs_pages  # noqa: E402


def on_config(config: Any) -> Any:
    """Append the pages of each registry and room to the section of that name."""
    found = docs_pages.sections()
    for item in config.nav:
        for title, content in item.items():
            if isinstance(content, list):
                content += found.get(title.lower(), [])
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    for path, text in docs_pages.pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in the tables."""
    return docs_pages.filled(markdown, page.file.src_uri)
