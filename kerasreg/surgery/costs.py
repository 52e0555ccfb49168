"""What a model costs: operations, bytes on disk, seconds; and random inputs to measure it with."""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from keras.src.models.functional import Functional

from kerasreg.surgery.graphs import all_nodes, graph_of
from kerasreg.surgery.layer_kinds import CONVOLUTIONS, DEPTHWISE, SEPARABLE, TRANSPOSES
from kerasreg.variables import values_of

# A round of timing repeats a call until it takes this long, so that the clock's grain is small.
_SECONDS_PER_ROUND = 0.02
_ROUNDS = 9
# For axes of the inputs whose length the model leaves open.
_OPEN_LENGTH = 32

# What a multiply-add of the kernel is repeated for: the positions of the output or of the input.
_PER_OUTPUT = (layers.Dense, *CONVOLUTIONS, *DEPTHWISE, *SEPARABLE)
_PER_INPUT = TRANSPOSES


def n_flops(model: keras.Model) -> float:
    """Floating-point operations for one sample: 2 for each weight and position that it is used at.

    Dense, convolutional, transposed, depthwise and separable layers are counted from their shapes,
    positions in the padding included; biases, activations, normalization and pooling, which are
    few, are not. NaN if another layer has a matrix of weights, such as an LSTM, or if a shape or
    the graph is not known.
    """
    graph = graph_of(model)
    if graph is None:
        return math.nan
    total = 0.0
    for node in all_nodes(graph, each_call=True):
        layer = node.operation
        if not isinstance(layer, layers.Layer) or graph_of(layer) is not None:
            continue
        matrices = [v for v in layer.weights if len(v.shape) > 1]
        if isinstance(layer, (layers.Embedding, layers.PReLU)):
            continue
        if isinstance(layer, (*_PER_OUTPUT, *_PER_INPUT)):
            inward = isinstance(layer, _PER_INPUT)
            tensor = node.arguments.keras_tensors[0] if inward else node.outputs[0]
            first = getattr(layer, "data_format", "channels_last") == "channels_first"
            positions = tensor.shape[2:] if first else tensor.shape[1:-1]
            if None in positions:
                return math.nan
            total += 2.0 * math.prod(positions) * sum(math.prod(v.shape) for v in matrices)
        elif matrices:
            return math.nan
    return total


def n_nonzero(model: keras.Model) -> int:
    return sum(int(np.count_nonzero(values_of(variable))) for variable in model.weights)


def file_size(model: keras.Model) -> int:
    """Bytes of the model saved as `.keras`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.stat().st_size


def seconds_per_batch(models: list[keras.Model], x: Any) -> list[float]:
    """Medians of the seconds that the compiled `predict_on_batch` takes, models taking turns."""
    for model in models:
        model.predict_on_batch(x)  # compiles
    repeats = [max(1, math.ceil(_SECONDS_PER_ROUND / _seconds(model, x, 1))) for model in models]
    rounds = [
        [_seconds(model, x, n) for model, n in zip(models, repeats, strict=True)]
        for _ in range(_ROUNDS)
    ]
    return [float(seconds) for seconds in np.median(rounds, axis=0)]


def _seconds(model: keras.Model, x: Any, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        model.predict_on_batch(x)
    return (time.perf_counter() - start) / repeats


def random_inputs(model: keras.Model, batch_size: int) -> Any:
    """Inputs in the structure that the model takes; None if it is not known.

    Floats are standard normal, whole numbers within the smallest table that looks them up. Axes of
    open length have 32 places.
    """
    graph = graph_of(model)
    if graph is None:
        return None
    rng = np.random.default_rng(0)
    sizes = _vocabularies(graph)
    drawn = []
    for tensor in graph.inputs:
        batch = tensor.shape[0] or batch_size
        shape = (batch, *(_OPEN_LENGTH if n is None else n for n in tensor.shape[1:]))
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        if dtype == "string":
            raise ValueError(
                f"The input '{tensor.name}' takes strings, of which none can be drawn at random. "
                "Pass samples as `x`"
            )
        if id(tensor) in sizes or "float" not in dtype:
            values: np.ndarray = rng.integers(sizes.get(id(tensor), 2), size=shape)
        else:
            values = rng.standard_normal(shape)
        drawn.append(keras.ops.convert_to_numpy(keras.ops.cast(values, dtype)))
    return keras.tree.pack_sequence_as(graph.input, drawn)


def _vocabularies(graph: Functional) -> dict[int, int]:
    """Sizes of the tables in which the inputs of a graph are looked up, by `id(tensor)`."""
    sizes: dict[int, int] = {}
    for node in all_nodes(graph):
        operation, read = node.operation, node.arguments.keras_tensors
        nested = graph_of(operation)
        found: dict[int, int] = {}
        if isinstance(operation, layers.Embedding):
            found = {id(read[0]): operation.input_dim}
        elif nested is not None:
            inner = _vocabularies(nested)
            pairs = zip(read, nested.inputs, strict=False)
            found = {id(x): inner[id(own)] for x, own in pairs if id(own) in inner}
        for key, size in found.items():
            sizes[key] = min(size, sizes.get(key, size))
    return sizes
