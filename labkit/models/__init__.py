"""Reference models with their training recipes, timm models, and loading of weights."""

from labkit.models.card import Card, load_weights, read_card, save_weights
from labkit.models.catalogue import NAMES, cards, get_recipe, input_shape, load
from labkit.models.input_check import defects
from labkit.models.neuron_counts import neurons
from labkit.models.normalize import Normalize
from labkit.models.opening import check_takes, open_model, options_for
from labkit.models.overview import table
from labkit.models.own import built_for_data, is_own
from labkit.models.provenance import source_facts, weight_notes
from labkit.models.recipe import Recipe
from labkit.models.small_mlp import Step, train_small_mlp
from labkit.models.source import rebuild, source_of
from labkit.models.sparse_trainer import SparseTraining, train_sparse
from labkit.models.trainer import train

__all__ = [
    "NAMES",
    "Card",
    "Normalize",
    "Recipe",
    "SparseTraining",
    "Step",
    "built_for_data",
    "cards",
    "check_takes",
    "defects",
    "get_recipe",
    "input_shape",
    "is_own",
    "load",
    "load_weights",
    "neurons",
    "open_model",
    "options_for",
    "read_card",
    "rebuild",
    "save_weights",
    "source_facts",
    "source_of",
    "table",
    "train",
    "train_small_mlp",
    "train_sparse",
    "weight_notes",
]
