"""Figures of layers: masks, factors and spectra."""
