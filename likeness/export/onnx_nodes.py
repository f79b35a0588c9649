"""Which nodes of an ONNX graph belong to which module, and which lead to which."""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import Any

_SCOPES = "pkg.torch.onnx.name_scopes"
"""Where the exporter of torch keeps the modules a node stands in, outermost first."""


def is_in(node: Any, modules: Collection[str]) -> bool:
    """Whether a node comes from one of these modules, named as ``named_modules`` does."""
    for entry in node.metadata_props:
        if entry.key == _SCOPES:
            return not set(modules).isdisjoint(ast.literal_eval(entry.value))
    return False


def leading_to(graph: Any, kinds: Collection[str]) -> list[Any]:
    """Nodes of these operations, and all whose values reach one."""
    wanted: set[str] = set()
    found = []
    for node in reversed(graph.node):  # each stands behind what it reads
        if node.op_type in kinds or not wanted.isdisjoint(node.output):
            wanted |= set(node.input)
            found.append(node)
    return found[::-1]
