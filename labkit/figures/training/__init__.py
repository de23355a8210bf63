"""Figures of sparse training."""
