"""A notebook is tested as .ipynb; its .py twin would run once more while pytest looks for doctests in it."""

collect_ignore_glob = ["*.py"]
