"""Under `tf.distribute`: how many replicas there are, which one this is, where variables go."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras


def n_replicas() -> int:
    """Number of replicas that train together, each on its share of the batch; 1 without any."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def this_replica() -> int:
    """Number of the replica whose program is traced or run here, from 0."""
    if keras.backend.backend() != "tensorflow":
        return 0
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    # A constant tensor, except on TPUs, where all replicas are traced as one.
    replica = tf.get_static_value(context.replica_id_in_sync_group) if context else None
    return 0 if replica is None else int(replica)


def scope_of(model: keras.Model) -> AbstractContextManager[Any]:
    """Where a model's variables are made: under `tf.distribute` the scope of its strategy."""
    strategy = getattr(model, "distribute_strategy", None)
    return nullcontext() if strategy is None else strategy.scope()
