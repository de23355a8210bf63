"""One file per measure or family of measures; importing this package registers them.

The order of the imports is the order of cards and columns.
"""

# isort: off
from labkit.audit.measures import accuracy
from labkit.audit.measures import harm
from labkit.audit.measures import class_change
from labkit.audit.measures import group_gaps
from labkit.audit.measures import size
from labkit.audit.measures import latency
from labkit.audit.measures import operations
from labkit.audit.measures import confidence

__all__ = ["accuracy", "class_change", "confidence", "group_gaps", "harm", "latency", "operations", "size"]
