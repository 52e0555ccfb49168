"""Weights from which `fine_tune` trains: with the smallest units or weights cut, or few at all.

Weights are a list of kernels, whose last axis counts units and the one before what they read, and
biases, in turn.
"""

import numpy as np


def glorot(shapes, rng):
    """The initial weights that Keras gives a network of these shapes."""
    weights = []
    for shape in shapes:
        positions = np.prod(shape[:-2])
        limit = np.sqrt(6 / (positions * sum(shape[-2:]))) if len(shape) > 1 else 0.0
        weights.append(rng.uniform(-limit, limit, shape).astype("float32"))
    return weights


def pruned_units(weights, units):
    """All hidden units but the `units` whose kernels have the largest norm are zero."""
    pruned = [w.copy() for w in weights]
    for at, n in enumerate(units):
        kernel, bias = pruned[2 * at : 2 * at + 2]
        norms = np.sqrt(np.square(kernel).sum(axis=tuple(range(kernel.ndim - 1))))
        dead = np.argsort(norms)[: len(norms) - n]
        kernel[..., dead] = 0
        bias[dead] = 0
    return pruned


def pruned_weights(weights, n):
    """All weights of the kernels but the `n` of largest modulus are zero."""
    moduli = np.concatenate([np.abs(kernel).ravel() for kernel in weights[::2]])
    least = np.sort(moduli)[-n]
    return [np.where((np.abs(w) < least) & (w.ndim > 1), 0, w).astype(w.dtype) for w in weights]


def embedded(weights, like):
    """The weights of a network as those of a smaller or larger one: cut, or with zeros added."""
    shaped = []
    for w, other in zip(weights, like, strict=True):
        shared = tuple(slice(min(n, m)) for n, m in zip(w.shape, other.shape, strict=True))
        new = np.zeros_like(other)
        new[shared] = w[shared]
        shaped.append(new)
    return shaped


def n_weights(weights):
    """The number of weights of the kernels."""
    return sum(kernel.size for kernel in weights[::2])
