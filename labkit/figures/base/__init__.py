"""Common parts of all figures, and figures of general tables."""
