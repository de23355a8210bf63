"""Data sets: bundled ones by name, others from folders, CSV files or arrays. Importing it does not import torch."""

from labkit.data.arrays import from_arrays
from labkit.data.catalogue import CATALOGUE, load
from labkit.data.csv import from_csv
from labkit.data.csv_check import column_names, csv_defects
from labkit.data.encoder import Encoder
from labkit.data.folders import image_folder
from labkit.data.nodes import NodeSplit
from labkit.data.opening import TABLE_OPTIONS, open_dataset
from labkit.data.sensitive import as_group_text, in_order
from labkit.data.split import Dataset, Split
from labkit.data.summary import counts, group_counts, picture_grid

__all__ = [
    "CATALOGUE",
    "TABLE_OPTIONS",
    "Dataset",
    "Encoder",
    "NodeSplit",
    "Split",
    "as_group_text",
    "column_names",
    "counts",
    "csv_defects",
    "from_arrays",
    "from_csv",
    "group_counts",
    "image_folder",
    "in_order",
    "load",
    "open_dataset",
    "picture_grid",
]
