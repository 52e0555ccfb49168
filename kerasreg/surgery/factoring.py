"""Dense layers as products of two smaller ones: the truncated singular value decomposition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers

from kerasreg.arguments import float_between
from kerasreg.checks import checked_model
from kerasreg.surgery.graphs import graph_of
from kerasreg.surgery.rebuilding import Rebuilding, copy_of
from kerasreg.variables import check_built, layer_paths, values_of

if TYPE_CHECKING:
    import pandas as pd

_RANK_COLUMNS = ("layer", "inputs", "units", "rank", "error", "parameters", "parameters_after")


@dataclass(frozen=True)
class LowRank:
    """What `low_rank` returns.

    Args:
        model: The model with the smaller layers, not compiled, without regularizers.
        ranks: A row for each Dense layer with the columns `layer`, `inputs`, `units`, `rank` (of
            its weights now), `error` (relative, in the Frobenius norm; 0 where the layer stays),
            `parameters` and `parameters_after`.

    Example:

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, use_bias=False)])
    >>> model.set_weights([np.diag([1.0, 0.0, 0.0, 0.0])])
    >>> result = kerasreg.surgery.low_rank(model, 0.01)
    >>> result.ranks[["rank", "error", "parameters", "parameters_after"]].to_numpy().tolist()
    [[1.0, 0.0, 16.0, 8.0]]
    >>> [layer.name for layer in result.model.layers]
    ['dense_factor', 'dense']
    """

    model: keras.Model
    ranks: pd.DataFrame


def low_rank(model: keras.Model, tolerance: float) -> LowRank:
    """A model whose Dense layers are products of smaller ones where that has fewer weights.

    With W = U diag(s) Vᵀ, singular values s₁ ≥ s₂ ≥ …, and the smallest rank r for which

        W ≈ W_r = (U_r diag(s_r)) V_rᵀ,    ‖W − W_r‖_F = √(Σ_{k>r} s_k²) ≤ tolerance·‖W‖_F,

    a layer of n inputs and m units becomes one of r units without bias and activation, named
    `<name>_factor`, and one of m units with the name, bias and activation of the old, if
    r (n + m) < n m. No matrix of rank r is nearer to W (Eckart and Young). The error of the
    outputs is not bounded: measure it on data, and train on if it is too large.

    Args:
        model: A built Sequential or functional model; models within it are gone through too. It
            is not changed.
        tolerance: Relative error of a layer's weights, a float > 0 and < 1.

    Returns:
        A `LowRank` with `.model` and `.ranks`.

    Raises:
        TypeError: If `model` is no Keras model.
        ValueError: If the model is not built, is subclassed or has weights that are not finite,
            or `tolerance` is not in (0, 1).

    Example:

    >>> dense = keras.layers.Dense(4)
    >>> model = keras.Sequential([keras.Input((4,)), dense])
    >>> dense.set_weights([np.outer([1.0, 2.0, 3.0, 4.0], np.ones(4)), np.zeros(4)])
    >>> low_rank(model, 1e-6).ranks[["rank", "parameters_after"]].to_numpy().tolist()
    [[1, 12]]

    References:
        - Eckart & Young, The approximation of one matrix by another of lower rank (1936).
        - Denton, Zaremba, Bruna, LeCun & Fergus, Exploiting linear structure within convolutional
          networks for efficient evaluation (2014).
    """
    import pandas as pd

    tolerance = float_between("tolerance", tolerance, 0.0, 1.0)
    checked_model(model)
    check_built(model)
    if graph_of(model) is None:
        raise ValueError(
            f"The model '{model.name}' cannot be rebuilt with other layers: what "
            f"{type(model).__name__} computes is written in its `call`. Pass a Sequential or "
            "functional model, such as a part of it"
        )
    paths = layer_paths(model)
    factors: list[tuple[Any, dict[str, np.ndarray]]] = []
    rows: dict[str, tuple[Any, ...]] = {}

    def replace(layer: Any) -> list[Any] | None:
        if type(layer) is not layers.Dense or len(layer.weights) != 1 + layer.use_bias:
            return None
        kernel = values_of(layer.kernel).astype(float)
        (n, m), path, count = kernel.shape, paths[id(layer)], layer.count_params()
        if not np.isfinite(kernel).all():
            raise ValueError(
                f"The weights '{path}/kernel' have no singular values: expected finite numbers. "
                f"Received: {np.sum(~np.isfinite(kernel))} of {kernel.size} are NaN or infinite"
            )
        u, s, vt = np.linalg.svd(kernel, full_matrices=False)
        tail = np.sqrt(np.append(np.cumsum(s[::-1] ** 2)[::-1], 0.0))  # errors of ranks 0, 1, …
        rank = max(1, int(np.argmax(tail <= tolerance * tail[0])))
        if rank * (n + m) >= n * m:
            rows[path] = (path, n, m, min(n, m), 0.0, count, count)
            return None
        config = {"name": f"{layer.name}_factor", "trainable": layer.trainable}
        first = layers.Dense(rank, use_bias=False, dtype=layer.dtype_policy, **config)
        second = copy_of(layer)
        root = np.sqrt(s[:rank])  # halves of equal size, so that training on goes evenly
        values = {"kernel": root[:, None] * vt[:rank]}
        if layer.use_bias:
            values["bias"] = np.array(values_of(layer.bias))
        factors.extend([(first, {"kernel": u[:, :rank] * root}), (second, values)])
        error = tail[rank] / tail[0] if tail[0] else 0.0
        rows[path] = (path, n, m, rank, error, count, count - n * m + rank * (n + m))
        return [first, second]

    new = Rebuilding(replace)(model)
    for layer, values in factors:
        for name, value in values.items():
            getattr(layer, name).assign(value)
    ordered = [rows[path] for path in paths.values() if path in rows]
    return LowRank(new, pd.DataFrame(ordered, columns=list(_RANK_COLUMNS)))
