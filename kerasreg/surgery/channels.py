"""Which channels of a functional graph can go: their names, constant values and uses.

Every tensor of the graph has one axis of channels, and every channel the number of the unit that
it comes from. Layers that treat each channel alone pass the numbers on, sums unite them, dense and
convolutional layers read some and make new ones. A unit can go if nothing that stays reads it, or
reads it as a constant that it can take into its bias. What each layer does is in
`kerasreg.surgery.channel_rules`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import numpy as np
from keras.src.models.functional import Functional
from numpy.typing import NDArray

from kerasreg.surgery import channel_rules
from kerasreg.surgery.graphs import all_nodes, graph_of, own_nodes
from kerasreg.surgery.units import Channels, Site, Units

_INPUT = "it is an input of the model"
_OUTPUT = "its units are outputs of the model"


class Analysis:
    """The channels of a model, followed from its inputs to its outputs.

    Args:
        model: A Keras model that is a graph, see `graph_of`.
    """

    def __init__(self, model: keras.Model):
        self._units = Units()
        self.left_whole: dict[int, str] = {}
        # New shapes of the inputs of models within the model, by the id of the model.
        self.nested_inputs: dict[int, list[Channels]] = {}
        graph = graph_of(model)
        assert graph is not None
        self._n_uses = Counter(id(node.operation) for node in all_nodes(graph))
        inputs = [self._units.unknown(tensor.shape, _INPUT) for tensor in graph.inputs]
        for channels in self._walk(graph, inputs):
            self._units.protect(channels.ids, _OUTPUT)
        self._roots = self._units.roots()
        self._protected: dict[int, str] = {}
        # Of several reasons the first is told, and this one says most.
        for ids, reason in sorted(self._units.reasons, key=lambda found: found[1] != _OUTPUT):
            for root in np.unique(self._roots[ids]):
                self._protected.setdefault(int(root), reason)
        self._decide()

    @property
    def sites(self) -> dict[int, Site]:
        """The layers that change with the channels, by `id(layer)`."""
        return self._units.sites

    # The way through the graph.

    def _walk(self, graph: Functional, inputs: list[Channels]) -> list[Channels]:
        known = {id(x): channels for x, channels in zip(graph.inputs, inputs, strict=True)}
        for node in own_nodes(graph):
            sources = [known[id(x)] for x in node.arguments.keras_tensors]
            for tensor, channels in zip(node.outputs, self._passed(node, sources), strict=True):
                known[id(tensor)] = channels
        return [known[id(x)] for x in graph.outputs]

    def _passed(self, node: Any, sources: list[Channels]) -> list[Channels]:
        operation = node.operation
        shared = self._n_uses[id(operation)] > 1
        # In training, what a layer computes also depends on the batch or on chance.
        arguments = [*node.arguments.args, *node.arguments.kwargs.values()]
        if any(argument is True for argument in arguments):
            return self.opaque(node, sources, "it is called with an argument that is True")
        nested = graph_of(operation)
        if nested is not None:
            named = node.arguments.kwargs.values()
            if len(sources) == len(nested.inputs) and all(v is None or v is False for v in named):
                return self._passed_nested(node, nested, sources, shared)
            return self.opaque(node, sources, "it is called with more than its inputs")
        if shared and (operation.variables if _is_layer(operation) else False):
            return self.opaque(node, sources, "it is used more than once")
        passed = channel_rules.passed(self._units, node, sources, shared)
        if isinstance(passed, str):
            return self.opaque(node, sources, passed)
        return [passed]

    def _passed_nested(
        self, node: Any, nested: Functional, sources: list[Channels], shared: bool
    ) -> list[Channels]:
        if not shared:
            # A model may take (n, 1) for (n,), and a shape that it was not built with.
            inputs = []
            for channels, tensor in zip(sources, nested.inputs, strict=True):
                if len(channels.shape) == len(tensor.shape):
                    inputs.append(channels._replace(shape=tuple(tensor.shape)))
                else:
                    reason = f"they go into the model '{node.operation.name}' in another shape"
                    self._units.protect(channels.ids, reason)
                    inputs.append(self._units.unknown(tensor.shape, reason))
            self.nested_inputs[id(node.operation)] = inputs
            return self._walk(nested, inputs)
        reason = f"it is at the border of the model '{node.operation.name}', used more than once"
        for channels in sources:
            self._units.protect(channels.ids, reason)
        if id(node.operation) not in self.nested_inputs:
            inputs = [self._units.unknown(tensor.shape, reason) for tensor in nested.inputs]
            self.nested_inputs[id(node.operation)] = inputs
            for channels in self._walk(nested, inputs):
                self._units.protect(channels.ids, reason)
        return [self._units.unknown(tensor.shape, reason) for tensor in node.outputs]

    def opaque(self, node: Any, sources: list[Channels], reason: str) -> list[Channels]:
        """The outputs of a layer that is left whole, with all that it reads."""
        operation = node.operation
        if _is_layer(operation):
            self.left_whole.setdefault(id(operation), reason)
        for channels in sources:
            self._units.protect(
                channels.ids,
                f"its units go into '{operation.name}' ({type(operation).__name__}), which is "
                f"left whole: {reason}",
            )
        return [self._units.unknown(tensor.shape, reason) for tensor in node.outputs]

    # What can go.

    def _decide(self) -> None:
        self._needed = np.zeros(len(self._roots), dtype=bool)
        self._needed[list(self._protected)] = True
        self._inert = np.zeros(len(self._roots), dtype=bool)
        readings = [site.reading for site in self.sites.values() if site.reading]
        changed = True
        while changed:
            changed = False
            for reading in reversed(readings):
                roots = self._roots[reading.source.ids]
                read = reading.uses[:, self.needed(reading.units)].any(axis=1)
                asked = roots[read & ~reading.absorbed()]
                changed = changed or not self._needed[asked].all()
                self._needed[asked] = True
        for site in self.sites.values():
            # Keras has no layer with no units: one stays, with weights of zero on both sides.
            if site.units is not None and not self.kept(site.units).any():
                self._inert[self._roots[site.units[0]]] = True
        for site in self.sites.values():
            if site.units is not None:
                reasons = {self._protected.get(root) for root in self._roots[site.units].tolist()}
                if None not in reasons:
                    self.left_whole.setdefault(id(site.layer), sorted(filter(None, reasons))[0])

    def needed(self, ids: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Mask of the channels whose values something that stays depends on."""
        mask: NDArray[np.bool_] = self._needed[self._roots[ids]]
        return mask

    def inert(self, ids: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Mask of the channels that stay only because a layer needs one."""
        mask: NDArray[np.bool_] = self._inert[self._roots[ids]]
        return mask

    def kept(self, ids: NDArray[np.intp]) -> NDArray[np.bool_]:
        return self.needed(ids) | self.inert(ids)


def _is_layer(operation: Any) -> bool:
    return isinstance(operation, keras.layers.Layer)
