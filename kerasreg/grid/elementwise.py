"""Which optimizers may step stacked variables: those that treat every weight by itself."""

from __future__ import annotations

import keras
import numpy as np
from keras import optimizers

import kerasreg.optimizers
from kerasreg.proximal_optimizer import without_state

# They look at each weight alone (norms for clipping are taken member by member). Any other class
# is tried.
_ELEMENTWISE = frozenset(
    {
        optimizers.SGD,
        optimizers.Adam,
        optimizers.AdamW,
        optimizers.RMSprop,
        optimizers.Adagrad,
        optimizers.Adadelta,
        optimizers.Adamax,
        optimizers.Nadam,
        optimizers.Lion,
        optimizers.Ftrl,
    }
)


def check_elementwise(optimizer: keras.optimizers.Optimizer) -> None:
    """Refuses an optimizer that would let the members of a grid disturb each other.

    Raises:
        ValueError: For loss scaling, and for an optimizer that moves a weight differently where
            other members stand beside it, as LAMB, Muon and Adafactor do.
    """
    name = type(optimizer).__name__
    if isinstance(optimizer, optimizers.LossScaleOptimizer):
        raise ValueError(
            "A grid cannot use the optimizer LossScaleOptimizer: one member whose gradient "
            "overflows would stop the step of all. Pass its inner optimizer, and a model in "
            "float32 or mixed_bfloat16"
        )
    if not _is_known(optimizer) and not _moves_members_alone(optimizer):
        raise ValueError(
            f"A grid cannot use the optimizer {name}: it mixes the weights of a variable, and so "
            "those of different members. Pass one that moves each weight by itself, such as Adam, "
            "SGD or kerasreg.optimizers.ProximalAdam, or train the members one by one with "
            "kerasreg.training.train"
        )


def slots_per_weight(optimizer: keras.optimizers.Optimizer) -> int:
    """How many numbers the optimizer keeps for each weight."""
    copy = without_state(optimizer)
    # Not an automatic name: TensorFlow keeps kernels for every name that a variable ever had.
    copy.build([keras.Variable(np.zeros((1, 1, 1), np.float32), name="weight")])
    return sum(tuple(variable.shape) == (1, 1, 1) for variable in copy.variables)


def _is_known(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether its step is one of Keras's listed here, with or without our prox."""
    of_class = type(optimizer)
    return of_class in _ELEMENTWISE or getattr(kerasreg.optimizers, of_class.__name__, None) is (
        of_class
    )


def _moves_members_alone(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether some steps of two members, stacked, are those of each alone."""
    random = np.random.default_rng(0)
    start = random.normal(size=(2, 4, 3)).astype(np.float32)
    gradients = random.normal(size=(3, 2, 4, 3)).astype(np.float32) * np.array(
        [[[[1]], [[9]]]], np.float32
    )

    def moved(start: np.ndarray, gradients: np.ndarray) -> np.ndarray:
        copy = without_state(optimizer)
        copy.clipnorm = copy.global_clipnorm = None  # taken member by member in a grid
        variable = keras.Variable(start)
        copy.build([variable])
        for gradient in gradients:
            copy.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        return np.array(keras.ops.convert_to_numpy(variable))

    together = moved(start, gradients)
    alone = np.stack([moved(start[k], gradients[:, k]) for k in range(2)])
    # Rounding parts them by a unit or two in the last place of float32; mixing, by far more.
    return bool(np.allclose(together, alone, rtol=1e-5, atol=1e-6))
