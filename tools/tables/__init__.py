"""Markdown tables for README.md and docs/, generated from the models' cards, the shipped runs and benchmarks/results.

`TABLES` maps a table's name to the function that makes it. README.md holds filled tables between ``<!-- NAME -->`` and
``<!-- /NAME -->`` (tools/readme.py); pages of docs/ name one as ``<!-- table NAME -->`` and get it when the site is built.
"""

from collections.abc import Callable
from functools import partial

from tables.fips import fips_table, fips_times_table
from tables.shipped import gallery_table, headline_table, model_table
from tables.sparse import contrast_table, memory_table, sparse_headline_table, sparse_table
from tables.speed import audit_times_table, live_table, networks_table, speed_table, startup_table

TABLES: dict[str, Callable[[], str]] = {
    "models": model_table,
    "methods": headline_table,
    "gallery": gallery_table,
    "sparse headline": sparse_headline_table,
    "sparse": sparse_table,
    "contrasts": contrast_table,
    "sparse memory": memory_table,
    "fips vit_fashion": partial(fips_table, "vit_fashion"),
    "fips minilm": partial(fips_table, "minilm"),
    "fips times": fips_times_table,
    "speed": speed_table,
    "networks": networks_table,
    "startup": startup_table,
    "audit times": audit_times_table,
    "live": live_table,
}

__all__ = ["TABLES", "gallery_table"]
