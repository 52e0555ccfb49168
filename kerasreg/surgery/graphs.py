"""The graph that a Sequential or functional model computes, and the calls in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras.src.models.functional import Functional


def graph_of(model: Any) -> Functional | None:
    """The functional graph that a model computes, None if it computes anything else.

    Subclasses count if they inherit `call`, such as those that only change the training step.
    """
    if isinstance(model, keras.Sequential) and type(model).call is keras.Sequential.call:
        return model._functional
    if isinstance(model, Functional) and type(model).call is Functional.call:
        return model
    return None


def all_nodes(graph: Functional, *, each_call: bool = False) -> list[Any]:
    """The calls of a graph, with those in the models within it.

    Args:
        graph: A functional graph.
        each_call: Whether the calls in a model count each time that it is called, or once.
    """
    seen: set[int] = set()

    def walk(graph: Functional) -> Iterator[Any]:
        for node in own_nodes(graph):
            yield node
            nested = graph_of(node.operation)
            if nested is not None and (each_call or id(nested) not in seen):
                seen.add(id(nested))
                yield from walk(nested)

    return list(walk(graph))


def own_nodes(graph: Functional) -> list[Any]:
    """The calls of the layers of a graph, from the inputs to the outputs."""
    by_depth = graph._nodes_by_depth
    return [
        node
        for depth in sorted(by_depth, reverse=True)
        for node in by_depth[depth]
        if not node.is_input
    ]
