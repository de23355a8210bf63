"""A grid as a YAML file: read within limits, and nothing of it dropped."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from labkit.words import shortly

# of a grid; those of people have a few lines
BYTES = 1_000_000
DEPTH = 30
VALUES = 100_000  # with what aliases repeat
MERGE = "tag:yaml.org,2002:merge"


def read_grid(path: str) -> Any:
    """Read a YAML grid.

    Parameters
    ----------
    path : str

    Returns
    -------
    object
        A mapping, where the file is a grid.

    Raises
    ------
    ValueError
        In one sentence, with the line: when the file does not exist, is not YAML, gives a key twice, or is larger or nested deeper
        than the limits of this module.
    """
    text = _text(path)
    try:
        _check_size(text)
        return yaml.load(text, _Strict)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        said = " ".join(filter(None, (error.context, error.problem, error.note)))
        raise ValueError(f"{path}{line} cannot be read as YAML: {said}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {' '.join(str(error).split())}") from error


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(BYTES + 1)
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; give a YAML file with models and methods") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}; give a YAML file with models and methods") from None
    if len(content) > BYTES:
        raise ValueError(f"{path} is larger than {BYTES:,} bytes, which no grid is; give a YAML file with models and methods")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}, line {line} is not YAML: it is not UTF-8; save the file as UTF-8") from None


def _check_size(text: str) -> None:
    """Count values and depth before anything is built: an alias repeats what it names, and so on."""
    sizes: dict[str, int] = {}
    above: list[tuple[str | None, int]] = [(None, 0)]  # of each open collection: its anchor, and the values in it
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            anchor, size = above.pop()
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            if len(above) > DEPTH:
                raise _refused(f"it is nested more than {DEPTH} levels deep", event.start_mark)
            above.append((event.anchor, 1))
            continue
        elif isinstance(event, yaml.AliasEvent):
            if any(event.anchor == anchor for anchor, _ in above):
                raise _refused(f"the alias *{shortly(event.anchor)[1:-1]} stands inside what it names", event.start_mark)
            anchor, size = None, sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.ScalarEvent):
            anchor, size = event.anchor, 1
        else:
            continue
        if anchor is not None:
            sizes[anchor] = size
        above[-1] = (above[-1][0], above[-1][1] + size)
        if above[-1][1] > VALUES:
            raise _refused(f"it has more than {VALUES:,} values, with what its aliases repeat", event.start_mark)


def _refused(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


class _Strict(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, and says of every value that it cannot make where it stands."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except Exception as error:  # int, float and datetime raise their own
            shown = shortly(node.value) if isinstance(node, ScalarNode) else "what stands here"
            kind = str(node.tag).rpartition(":")[2]
            raise _refused(
                f"{shown} is no valid {shortly(kind)[1:-1]}; write it in quotes if it is a text", node.start_mark
            ) from error

    def construct_document(self, node: Node) -> Any:
        self._check_keys(node)  # before what << merges is written into the nodes: a mapping may override that
        return super().construct_document(node)

    def _check_keys(self, root: Node) -> None:
        seen, todo = set(), [root]
        while todo:
            node = todo.pop()
            if id(node) in seen or isinstance(node, ScalarNode):
                continue
            seen.add(id(node))
            if not isinstance(node, MappingNode):
                todo += node.value
                continue
            first: dict[Any, int] = {}
            for key_node, value_node in node.value:
                todo.append(value_node)
                if not isinstance(key_node, ScalarNode) or key_node.tag == MERGE:
                    continue
                key = self.construct_object(key_node)
                if key in first:
                    raise _refused(
                        f"the key {shortly(key)} is given twice (first in line {first[key]}); give it once, with a list of values",
                        key_node.start_mark,
                    )
                first[key] = key_node.start_mark.line + 1
