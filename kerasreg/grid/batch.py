"""The samples of one step, some of which may only fill the batch."""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import tree

from kerasreg.metrics import batch_size_of
from kerasreg.tensorflow_only import tf


class Batch(NamedTuple):
    """Samples of one step. `n_samples` of them count; the others only fill the batch."""

    x: Any
    y: Any
    sample_weight: Any
    counted: Any  # 1 for a sample that counts and 0 for one that fills, or None: all count

    @property
    def n_samples(self) -> Any:
        if self.counted is None:
            return tf.cast(batch_size_of(self.x), tf.float32)
        return tf.reduce_sum(self.counted)

    def loss_weights(self) -> Any:
        """Sample weights under which the mean over the batch is that over what counts."""
        if self.counted is None:
            return self.sample_weight
        size = tf.cast(tf.shape(self.counted)[0], self.counted.dtype)
        counted = self.counted * (size / tf.reduce_sum(self.counted))
        if self.sample_weight is None:
            return counted
        return tree.map_structure(
            lambda leaf: leaf * tf.cast(flags_like(leaf, counted), leaf.dtype), self.sample_weight
        )


def flags_like(array: Any, flags: Any) -> Any:
    """Flags for the first axis of an array, with as many axes as it has."""
    return tf.reshape(flags, (-1, *[1] * (len(array.shape) - 1)))
