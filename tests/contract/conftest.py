"""Registries are put back after every test."""

import pytest

from labkit.registry import registries


@pytest.fixture(autouse=True)
def restored_registries():
    before = [(registry, dict(registry)) for registry in registries()]
    yield
    for registry, entries in before:
        registry.clear()
        registry.update(entries)
