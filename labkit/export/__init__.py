"""Take a network away: a folder with the model in a common format, a script that loads it, and the figures of its audit."""

from labkit.export import writers  # noqa: F401, fills the registry
from labkit.export.checking import Check
from labkit.export.exporting import STAGES, Exported, Stage, export, export_stages
from labkit.export.format import FORMATS, Format, get_format, register_format
from labkit.export.lowering import Choice, Lowered, lower
from labkit.export.materials import Material, material_of

__all__ = [
    "FORMATS",
    "STAGES",
    "Check",
    "Choice",
    "Exported",
    "Format",
    "Lowered",
    "Material",
    "Stage",
    "export",
    "export_stages",
    "get_format",
    "lower",
    "material_of",
    "register_format",
]
