"""Figures of accuracy, size and speed."""
