"""Figures of classes and groups."""
