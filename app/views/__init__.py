"""The pages: one folder each, with `page.py` and the parts that only this page uses."""
