"""Random numbers and automatic names, of Keras and below: set from a seed, kept as they were."""

import contextlib
import random
import sys
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.random import seed_generator

# What building a model reads or advances in Keras, besides Python's and NumPy's random numbers.
_NAMES, _SEED, _GENERATOR = "object_name_uids", "global_random_seed", "global_seed_generator"
_SCOPE = "custom_objects_scope_dict"


def set_seed(seed: int, *, exactly: bool) -> None:
    """`keras.utils.set_random_seed`, or what of it Keras's own layers and initializers read.

    The difference is TensorFlow's seed: to set it throws away all kernels, which costs as much as
    building a model, and no layer of Keras reads it.
    """
    # Of Python's random numbers Keras reads those of `global_state_kept`.
    if isinstance(seed_generator.python_random, random.Random):
        seed_generator.python_random.seed(seed)
    if exactly or keras.backend.backend() == "torch":
        keras.utils.set_random_seed(seed)
        return
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 the global state is the point
    global_state.set_global_attribute(_SEED, seed)
    global_state.set_global_attribute(_GENERATOR, None)


@contextlib.contextmanager
def global_state_kept() -> Iterator[None]:
    """Puts back, at its end, the random state and Keras's counters of automatic names."""
    keras_state = {
        name: global_state.get_global_attribute(name)
        for name in (_NAMES, _SEED, _GENERATOR, _SCOPE)
    }
    # The counters are counted up in place.
    keras_state[_NAMES] = None if keras_state[_NAMES] is None else keras_state[_NAMES].copy()
    # Another generator takes the place of Keras's, whose state is a variable.
    global_state.set_global_attribute(_GENERATOR, None)
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    # Other threads, such as those of a cluster's worker, draw from Python's random numbers too,
    # and would take some of those that follow from a seed.
    pythons, seed_generator.python_random = seed_generator.python_random, random.Random()
    tensorflow_state = _tensorflow_state()
    with contextlib.ExitStack() as stack:
        if keras.backend.backend() == "torch":
            import torch

            stack.enter_context(torch.random.fork_rng())
        try:
            yield
        finally:
            for name, value in keras_state.items():
                global_state.set_global_attribute(name, value)
            seed_generator.python_random = pythons
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
            if _tensorflow_state() != tensorflow_state:
                _put_tensorflow_state(*tensorflow_state)


def _tensorflow_state() -> tuple[Any, Any, Any]:
    """TensorFlow's seed, what draws the seeds of its operations from it, and the state of that."""
    module = sys.modules.get("tensorflow.python.eager.context")
    context = module and module.context()
    operation_seeds = getattr(context, "_rng", None)
    state = operation_seeds.getstate() if operation_seeds else None
    return getattr(context, "_seed", None), operation_seeds, state


def _put_tensorflow_state(seed: Any, operation_seeds: Any, state: Any) -> None:
    import tensorflow as tf

    # Without the kernels, which were used and go on where they stopped if a seed comes again.
    tf.random.set_seed(seed)
    sys.modules["tensorflow.python.eager.context"].context()._rng = operation_seeds
    if operation_seeds:
        operation_seeds.setstate(state)
