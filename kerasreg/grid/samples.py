"""Which samples each step of a grid sees: one order of the data that all members share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasreg.grid.stacking import Batch
from kerasreg.losses import MEANS, METRIC_WORDS, is_of_keras, resolved_loss
from kerasreg.tensorflow_only import tf
from kerasreg.training_data import Arrays, each_array

# What computes each sample by itself, so that samples which only fill a batch change nothing. For
# a model with anything else the short batch stays as it is, in a program of its own.
_LAYERS = """
    Activation Add Average AveragePooling1D AveragePooling2D AveragePooling3D Bidirectional
    Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Cropping1D
    Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D ELU EinsumDense Embedding Flatten
    Functional GRU GRUCell GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D InputLayer LSTM LSTMCell
    LayerNormalization LeakyReLU MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum Multiply
    Normalization PReLU Permute RNN ReLU RepeatVector Rescaling Reshape SeparableConv1D
    SeparableConv2D Sequential SimpleRNN SimpleRNNCell Softmax Subtract TimeDistributed
    UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
"""
# Those that do so outside training only.
_LAYERS_IN_EVALUATION = """
    AlphaDropout BatchNormalization Dropout GaussianDropout GaussianNoise SpatialDropout1D
    SpatialDropout2D SpatialDropout3D
"""
# Attributes of recurrent layers that draw in training.
_DROPS = ("dropout", "recurrent_dropout")
_LOSSES = """
    BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy
    CategoricalFocalCrossentropy CategoricalHinge Hinge Huber KLDivergence LogCosh
    MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError
    Poisson SparseCategoricalCrossentropy SquaredHinge
"""
_METRICS = """
    AUC Accuracy BinaryAccuracy BinaryCrossentropy CategoricalAccuracy CategoricalCrossentropy
    CategoricalHinge F1Score FBetaScore FalseNegatives FalsePositives Hinge KLDivergence
    LogCoshError MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError
    MeanSquaredLogarithmicError Poisson Precision Recall RootMeanSquaredError
    SparseCategoricalAccuracy SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy
    SquaredHinge TopKCategoricalAccuracy TrueNegatives TruePositives
"""


def samples_are_independent(model: keras.Model, loss: Any, metrics: Any, training: bool) -> bool:
    """Whether samples of weight 0 in a batch leave all others, loss, gradient and metrics alone.

    Only what is known to do so counts: models of Keras's layers and functions with one output of
    shape `(batch_size, units)`, and a loss and metrics of Keras.
    """
    known = {*_LAYERS.split(), *("" if training else _LAYERS_IN_EVALUATION).split()}
    outputs = keras.tree.flatten(getattr(model, "outputs", None) or [])
    return (
        len(outputs) == 1
        # Of more axes the losses have more than one value a sample, with weights of their own.
        and len(outputs[0].shape) == 2
        and all(_keeps_samples_apart(layer, known, training) for layer in model._flatten_layers())
        and not keras.tree.is_nested(loss)
        and _is_one_of(keras.losses.get(loss), _LOSSES)
        and getattr(resolved_loss(loss), "reduction", None) in MEANS
        and getattr(loss, "ignore_class", None) is None
        and all(
            each in METRIC_WORDS or _is_one_of(keras.metrics.get(each), _METRICS)
            for each in keras.tree.flatten(metrics)
        )
    )


def _keeps_samples_apart(layer: keras.layers.Layer, known: set[str], training: bool) -> bool:
    functions = [getattr(layer, name, None) for name in ("activation", "recurrent_activation")]
    axes = keras.tree.flatten(getattr(layer, "axis", None))
    return (
        is_of_keras(type(layer))
        and type(layer).__name__ in known
        and layer.activity_regularizer is None
        and all(isinstance(each, keras.layers.Layer) for each in getattr(layer, "_operations", ()))
        and all(each is None or is_of_keras(each) for each in functions)
        and 0 not in axes
        and not getattr(layer, "stateful", False)
        # A mask would leave samples out of the mean that a loss is.
        and not getattr(layer, "mask_zero", False)
        and not (training and any(getattr(layer, name, None) for name in _DROPS))
    )


def _is_one_of(thing: Any, names: str) -> bool:
    """Whether it is a Keras object of one of these classes, or the function behind one."""
    found = getattr(thing, "__name__", type(thing).__name__).replace("_", "").lower()
    return is_of_keras(thing) and found in names.lower().split()


class Segment(NamedTuple):
    """Steps that are one call of a compiled program."""

    data: Arrays
    rows: list[Any]  # indices (n_steps, batch_size), and if some only fill, flags of that shape
    n_steps: Any  # how many of the rows are used


class ArraySamples:
    """Batches of arrays, for every fold the rows that belong to it.

    All folds have the same shapes, so that one compiled program serves them: a batch that is
    short is filled with samples that do not count. Where samples of a batch depend on each other
    the short batch is a segment of its own.

    Args:
        data: The arrays, as tensors.
        batch_size: Samples a step.
        rows_of_fold: For every fold the rows to take, int32.
        may_fill: Whether a batch may be filled.
    """

    def __init__(
        self,
        data: Arrays,
        batch_size: int,
        rows_of_fold: Sequence[np.ndarray],
        may_fill: bool,
    ):
        self.data = data
        self.batch_size = batch_size
        self.rows_of_fold = rows_of_fold
        self.may_fill = may_fill
        sizes = [len(rows) for rows in rows_of_fold]
        self.fills = may_fill and any(size % batch_size for size in sizes)
        self.max_steps = -(-max(sizes) // batch_size) if may_fill else max(sizes) // batch_size

    def orders(self, fold: int, seed: int | None) -> Iterator[np.ndarray]:
        """Without end, the rows of a fold in the order of each epoch; as they are without seed."""
        rows = self.rows_of_fold[fold]
        random = np.random.default_rng(seed)
        while True:
            order = np.arange(len(rows), dtype=np.int32)
            if seed is not None:
                random.shuffle(order)
            yield rows[order]

    def segments(self, orders: Sequence[np.ndarray]) -> list[Segment]:
        """The steps of an epoch.

        Args:
            orders: One order of rows that all members share, or one a member; those then have
                the same number of steps.
        """
        if self.may_fill:
            return [self._filled(orders)]
        full = len(orders[0]) // self.batch_size
        split = full * self.batch_size
        found = []
        if full:
            found.append(self._segment([o[:split] for o in orders], full, self.batch_size))
        rest = {len(order) - split for order in orders}
        if rest != {0}:
            (size,) = rest
            found.append(self._segment([o[split:] for o in orders], 1, size))
        return found

    def _segment(self, orders: Sequence[np.ndarray], n_steps: int, size: int) -> Segment:
        steps = max(n_steps, self.max_steps) if size == self.batch_size else n_steps
        rows = [np.zeros((steps, size), np.int32) for _ in orders]
        for each, order in zip(rows, orders, strict=True):
            each[:n_steps] = order.reshape(n_steps, size)
        return Segment(self.data, [_by_step(rows)], tf.constant(n_steps))

    def _filled(self, orders: Sequence[np.ndarray]) -> Segment:
        size, room = self.batch_size, self.max_steps * self.batch_size
        rows, counted = [], []
        for order in orders:
            filled = np.full(room, order[0], np.int32)
            filled[: len(order)] = order
            rows.append(filled.reshape(-1, size))
            counted.append((np.arange(room) < len(order)).astype(np.float32).reshape(-1, size))
        n_steps = tf.constant(-(-len(orders[0]) // size))
        return Segment(self.data, [_by_step(rows), *[_by_step(counted)] * self.fills], n_steps)


def _by_step(rows: list[np.ndarray]) -> Any:
    """Shape (n_steps, batch_size), or (n_steps, n_members, batch_size) if each has its own."""
    return tf.constant(rows[0] if len(rows) == 1 else np.stack(rows, axis=1))


def batch_at(data: Arrays, rows: list[Any]) -> Batch:
    """The batch of the samples in these rows."""
    taken = each_array(lambda leaf: tf.gather(leaf, rows[0]), data)
    return Batch(*taken, rows[1] if len(rows) > 1 else None)


class DatasetSamples:
    """Batches of a `tf.data.Dataset`, read once an epoch for all members.

    The dataset is read in blocks of equal batches, which go through one compiled program; where a
    batch has another size, a block ends.

    Args:
        dataset: Yields batches of `(x, y)` or `(x, y, sample_weight)`.
        max_batches: Batches of a block.
        max_bytes: Memory of a block.
    """

    def __init__(self, dataset: Any, max_batches: int = 64, max_bytes: int = 2**26):
        self.dataset = dataset
        self.max_batches = max_batches
        self.max_bytes = max_bytes

    def segments(self) -> Iterator[Segment]:
        block: list[Arrays] = []
        shapes: Any = None
        for batch in self.dataset:
            arrays = Arrays(*keras.utils.unpack_x_y_sample_weight(batch))
            own = [tuple(leaf.shape) for leaf in tf.nest.flatten(arrays) if leaf is not None]
            if block and (own != shapes or len(block) == self._room(block[0])):
                yield self._joined(block)
                block = []
            shapes = own
            block.append(arrays)
        if block:
            yield self._joined(block)

    def _room(self, batch: Arrays) -> int:
        leaves = [leaf for leaf in tf.nest.flatten(batch) if leaf is not None]
        n_bytes = sum(int(tf.size(leaf)) * int(leaf.dtype.size) for leaf in leaves)
        return max(1, min(self.max_batches, self.max_bytes // max(n_bytes, 1)))

    def _joined(self, block: list[Arrays]) -> Segment:
        n_steps = len(block)
        # A block that is not full is filled with its first batch, so that its shape is the same.
        filled = block + [block[0]] * (self._room(block[0]) - n_steps)
        data = Arrays(
            *(
                keras.tree.map_structure(lambda *leaves: tf.concat(leaves, 0), *parts)
                if parts[0] is not None
                else None
                for parts in zip(*filled, strict=True)
            )
        )
        size = int(keras.tree.flatten(block[0].x)[0].shape[0])
        rows = np.arange(len(filled) * size, dtype=np.int32).reshape(-1, size)
        return Segment(data, [tf.constant(rows)], tf.constant(n_steps))
