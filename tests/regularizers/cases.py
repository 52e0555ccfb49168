"""A case for each penalty: its own formula in NumPy; and what all backends do alike.

A separable penalty in `PENALTIES` without a case here gets one that is derived from its class: its
value is then its own `_elementwise`, against which prox, slope and optimality are tested by brute
force. A case is still worth writing: the formula in NumPy is the only one that notices a wrong
value, and it says what is random of the penalty and whether it is convex, which has laws of its
own. A penalty that is no sum over weights needs a case with an oracle.
"""

import contextlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops, regularizers

from kerasreg.regularizers import (
    MCP,
    PENALTIES,
    SCAD,
    ElasticNet,
    GroupLasso,
    KLSparsity,
    LogSum,
    SeparablePenalty,
    SparseGroupLasso,
    as_penalty,
    soft_threshold,
)
from tests.regularizers import brute_force

BACKEND = keras.backend.backend()
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}


@keras.saving.register_keras_serializable(package="test_regularizers")
class ScaledLasso(SeparablePenalty):
    """strength * scale * sum|w|: what a user writes to add a penalty, from the docstrings alone."""

    def __init__(self, strength=1.0, scale=1.0):
        self.strength, self.scale = strength, scale

    def get_config(self):
        return {"strength": self.strength, "scale": self.scale}

    def _elementwise(self, w, strength):
        return strength * self.scale * ops.abs(w)

    def _slope(self, w, strength):
        return strength * self.scale * ops.sign(w)

    def _prox(self, w, step_size, strength):
        return soft_threshold(w, step_size * strength * self.scale)


def decades(rng, low, high, size=None):
    """Log-uniform random numbers from 10**low to 10**high."""
    return 10 ** rng.uniform(low, high, size)


def factor(rng):
    """A factor of a Keras regularizer; Keras rounds it to float32, so it is one to begin with."""
    return float(np.float32(decades(rng, -3, 2)))


def random_weights(rng, size, low=-4, high=4):
    """Both signs, many decades, a tenth exactly zero."""
    signs = rng.choice([-1.0, 1.0, 0.0], size, p=[0.45, 0.45, 0.1])
    return signs * decades(rng, low, high, size)


def random_activities(rng, size, low=-4, high=4):
    """Between 0 and 1, from the tangent of KLSparsity to beyond its target."""
    return decades(rng, max(low, -4), 0, size)


def mcp(u, s, gamma):
    u = np.abs(u)
    return np.where(u <= gamma * s, s * u - u**2 / (2 * gamma), gamma * s**2 / 2)


def scad(u, s, a):
    u = np.abs(u)
    middle = (2 * a * s * u - u**2 - s**2) / (2 * (a - 1))
    return np.where(u <= s, s * u, np.where(u <= a * s, middle, (a + 1) * s**2 / 2))


@dataclass(frozen=True)
class Case:
    """One penalty: how to make it, and its documented value in NumPy."""

    name: str
    regularizer: Callable[..., Any]  # (strength, **others) -> a Keras regularizer
    formula: Callable[..., np.ndarray] | None  # (u, strength, **others) -> value of each coordinate
    others: Callable[[np.random.Generator], dict[str, Any]]  # random other hyperparameters
    is_keras: bool = False  # its own strength is 1, the factors are kept
    is_convex: bool = True
    is_smallest_at_zero: bool = True
    oracle: Callable[..., Any] = brute_force.Separable
    weights: Callable[..., np.ndarray] = random_weights

    @property
    def is_separable(self):
        return self.oracle is brute_force.Separable

    @property
    def is_infinitely_steep(self):
        """Whether the slope grows without bound towards zero, by chords of the formula."""
        if not self.is_separable or not self.is_smallest_at_zero:
            return False
        formula = self.draw(np.random.default_rng(0))[2]
        near, twice = formula(np.array([1e-30, 2e-30]), 1.0)
        return near > 1.001 * twice / 2

    def draw(self, rng):
        """A random penalty, its strength, its formula(u, strength) and make(strength)."""
        others = self.others(rng)
        strength = 1.0 if self.is_keras else decades(rng, -4, 3)
        penalty = as_penalty(self.regularizer(strength, **others))
        make = lambda strength: as_penalty(self.regularizer(strength, **others))  # noqa: E731
        return penalty, strength, self.oracle(self.formula, **others), make


WITH_A_FORMULA = (
    Case(
        "elastic_net",
        ElasticNet,
        lambda u, s, l1_ratio: s * (l1_ratio * np.abs(u) + (1 - l1_ratio) / 2 * u**2),
        lambda rng: {"l1_ratio": float(np.clip(rng.uniform(-0.2, 1.2), 0, 1))},
    ),
    Case(
        "keras_l1",
        lambda s, l1: regularizers.L1(s * l1),
        lambda u, s, l1: s * l1 * np.abs(u),
        lambda rng: {"l1": factor(rng)},
        is_keras=True,
    ),
    Case(
        "keras_l2",
        lambda s, l2: regularizers.L2(s * l2),
        lambda u, s, l2: s * l2 * u**2,
        lambda rng: {"l2": factor(rng)},
        is_keras=True,
    ),
    Case(
        "keras_l1l2",
        lambda s, l1, l2: regularizers.L1L2(s * l1, s * l2),
        lambda u, s, l1, l2: s * (l1 * np.abs(u) + l2 * u**2),
        lambda rng: {"l1": factor(rng), "l2": factor(rng)},
        is_keras=True,
    ),
    Case(
        "user_penalty",
        ScaledLasso,
        lambda u, s, scale: s * scale * np.abs(u),
        lambda rng: {"scale": decades(rng, -1, 1)},
    ),
    Case(
        "mcp",
        MCP,
        mcp,
        lambda rng: {"gamma": decades(rng, -1, 2)},
        is_convex=False,
    ),
    Case(
        "scad",
        SCAD,
        scad,
        lambda rng: {"a": 2 + decades(rng, -1, 2)},
        is_convex=False,
    ),
    Case(
        "log_sum",
        LogSum,
        lambda u, s, epsilon: s * epsilon * np.log1p(np.abs(u) / epsilon),
        lambda rng: {"epsilon": decades(rng, -2, 2)},
        is_convex=False,
    ),
    Case(
        "group_lasso_outputs",
        GroupLasso,
        None,
        lambda rng: {"groups": "outputs"},
        oracle=brute_force.Grouped,
    ),
    Case(
        "group_lasso_inputs",
        GroupLasso,
        None,
        lambda rng: {"groups": "inputs"},
        oracle=brute_force.Grouped,
    ),
    Case(
        "sparse_group_lasso",
        SparseGroupLasso,
        None,
        lambda rng: {
            "l1_ratio": float(np.clip(rng.uniform(-0.2, 1.2), 0, 1)),
            "groups": str(rng.choice(["outputs", "inputs"])),
        },
        oracle=brute_force.Grouped,
    ),
    Case(
        "kl_sparsity",
        KLSparsity,
        None,
        lambda rng: {"target": rng.uniform(0.01, 0.5)},
        is_smallest_at_zero=False,
        oracle=brute_force.MeanActivity,
        weights=random_activities,
    ),
)


def float64():
    """Context in which float64 arrays stay float64: JAX otherwise computes them in float32."""
    if BACKEND != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


def derived_case(kind):
    """A case of a separable penalty that has none, from its class alone."""

    def own_formula(u, s, **others):
        with float64():
            tensor = ops.convert_to_tensor(np.asarray(u, "float64"))
            return numpy(kind(s, **others)._elementwise(tensor, s))

    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(kind).parameters.items()
        if name != "strength" and isinstance(parameter.default, float)
    }

    def random_others(rng):
        """The floats of the constructor within a factor of three, where it takes them."""
        others = {name: default * decades(rng, -0.5, 0.5) for name, default in defaults.items()}
        try:
            kind(1.0, **others)
        except ValueError:
            return dict(defaults)
        return others

    name = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind.__name__).lower()
    return Case(name, kind, own_formula, random_others, is_convex=False)


CASES = (
    *WITH_A_FORMULA,
    *(
        derived_case(kind)
        for kind in PENALTIES
        if issubclass(kind, SeparablePenalty)
        and kind not in {case.regularizer for case in WITH_A_FORMULA}
    ),
)

every_penalty = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)

every_separable_penalty = pytest.mark.parametrize(
    "case", [case for case in CASES if case.is_separable], ids=lambda case: case.name
)

every_separable_convex_penalty = pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.is_separable and case.is_convex],
    ids=lambda case: case.name,
)

every_dtype = pytest.mark.parametrize("dtype", EPSILON)


def numpy(x):
    # By way of float32, as TensorFlow's bfloat16 scalars do not become NumPy arrays.
    x = ops.cast(x, "float32") if "float16" in str(x.dtype) else x
    return np.asarray(ops.convert_to_numpy(x), "float64")


def gradient(function, w):
    """Gradient of a scalar function by the backend's automatic differentiation, a tensor."""
    w = ops.convert_to_tensor(w)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(w)
            value = function(w)
        return tape.gradient(value, w)
    if BACKEND == "jax":
        import jax

        return jax.grad(function)(w)
    import torch

    w = w.detach().clone().requires_grad_()
    return torch.autograd.grad(function(w), w)[0]


def compiled(function, jit_compile):
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=jit_compile, autograph=False)
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    pytest.skip(f"nothing is compiled on {BACKEND}")


def mapped(function, *stacks):
    """The function of one member each, over the first axis of all stacks at once."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        each = lambda members: function(*members)  # noqa: E731
        return tf.vectorized_map(each, stacks, fallback_to_while_loop=False)
    if BACKEND == "jax":
        import jax

        return jax.jit(jax.vmap(function))(*stacks)  # compiles once, not every operation alone
    import torch

    return torch.func.vmap(function)(*stacks)


SHAPES = ((), (5,), (2, 3), (2, 0, 3), (1, 2, 1, 2), (1, 2, 2, 1, 2))
KINDS = [(shape, dtype) for shape in SHAPES for dtype in EPSILON]

if BACKEND == "jax":  # which compiles every operation anew for every shape and precision
    KINDS = KINDS[::7]  # four shapes, of rank 0, 1, 3 and 5, and each precision once


def normal_weights(case, rng, shape):
    """Normal weights, or activities where these are expected."""
    draw = rng.normal if case.is_smallest_at_zero else rng.uniform
    return draw(size=shape).astype("float32")
