"""Zeros made worth something: the same model without the units that nothing depends on."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kerasreg.arguments import finite_float, true_or_false, whole_number
from kerasreg.checks import check_inputs, checked_model, refuse_dataset, sample_arrays
from kerasreg.surgery.channels import Analysis
from kerasreg.surgery.costs import (
    file_size,
    n_flops,
    n_nonzero,
    random_inputs,
    seconds_per_batch,
)
from kerasreg.surgery.graphs import graph_of
from kerasreg.surgery.rebuilding import plain_copy, shrunk
from kerasreg.typing import Samples
from kerasreg.variables import check_built, layer_paths, values_of

if TYPE_CHECKING:
    import pandas as pd

_TABLE_COLUMNS = ("quantity", "before", "after", "ratio")
_LAYER_COLUMNS = ("layer", "class", "before", "after")

# Samples on which the outputs of both models are compared.
_N_COMPARED = 16
# Sums of fewer terms are rounded differently, by a few units of the last place.
_ROUNDINGS = 16


@dataclass(frozen=True)
class Shrunk:
    """What `shrink` returns.

    Args:
        model: The smaller model: ordinary Keras, not compiled, without regularizers.
        table: Columns `quantity`, `before`, `after`, `ratio` (after / before). The quantities are
            `parameters`, `non_zero_parameters`, `flops` (for one sample), `file_bytes` (saved as
            `.keras`, without optimizer) and, if timed, `seconds_per_batch`.
        layers: Columns `layer`, `class`, `before`, `after`: units, filters or embedding
            dimensions of each layer that has them.
        left_whole: For each layer of which nothing may be removed, the reason.

    Example:

    >>> hidden = keras.layers.Dense(3, use_bias=False)
    >>> model = keras.Sequential([keras.Input((2,)), hidden, keras.layers.Dense(1)])
    >>> hidden.set_weights([np.array([[1.0, 0.0, 2.0], [3.0, 0.0, 4.0]])])
    >>> result = kerasreg.surgery.shrink(model, timed=False)
    >>> result.table[["quantity", "before", "after"]].head(2).to_numpy().tolist()
    [['parameters', 10.0, 7.0], ['non_zero_parameters', 7.0, 6.0]]
    >>> result.left_whole
    {'dense_1': 'its units are outputs of the model'}
    """

    model: keras.Model
    table: pd.DataFrame
    layers: pd.DataFrame
    left_whole: dict[str, str]


def shrink(
    model: keras.Model,
    x: Samples | None = None,
    *,
    batch_size: int = 256,
    timed: bool = True,
    tolerance: float = 1e-5,
) -> Shrunk:
    """A smaller model with the same outputs: dead units, filters and channels are taken out.

    For every input x, f_after(x) = f_before(x) up to rounding, which is checked on `x`. A unit
    goes if its value at inference cannot matter:

    - *out*: everything that stays has only zero weights from it, or
    - *in*: it is the same number c for every input, since all its weights are zero or come from
      such units, and each layer that reads it can take it into its bias, b ← b + Σ w·c.

    Constants are followed through elementwise activations, batch normalization (γ = 0 makes a
    channel constant, as in network slimming), pooling, sums and concatenations; what a padded
    convolution makes of a constant other than zero is not constant. Units that are added to one
    another, as around a residual connection, go together or stay. A layer keeps at least one unit,
    whose weights are then zero.

    Only exact zeros count. Plain gradient descent on a penalty makes none; a proximal optimizer
    does, and `kerasreg.regularizers.GroupLasso` makes whole units of them.

    Args:
        model: A built Keras model. Of Sequential and functional models, models within them
            included, Dense, Embedding and convolutional layers are shrunk. A subclassed model is
            copied as it is. The model is not changed.
        x: Inputs to compare outputs and to measure the time with: an array of shape
            `(samples, …)` or a nested structure. Drawn at random by default.
        batch_size: Samples a batch when timing, an int >= 1. A batch must fit into memory with
            the activations of all layers.
        timed: Whether to measure seconds.
        tolerance: A finite float >= 0: largest difference of an output, relative to the largest
            modulus of this output over the batch, that is rounding. In float16 and bfloat16 it
            is at least 16 machine epsilons.

    Returns:
        A `Shrunk` with `.model`, `.table`, `.layers` and `.left_whole`. Layers, inputs and
        outputs of the model have the names and dtype policies that they had. It loads in a
        process without kerasreg.

    Raises:
        TypeError: If `model` is no Keras model.
        ValueError: If the model is not built or cannot be copied, or an argument is invalid.
        RuntimeError: If the outputs differ by more than `tolerance`, or are not finite.

    Example:

    >>> hidden = keras.layers.Dense(3, activation="relu")
    >>> model = keras.Sequential([keras.Input((2,)), hidden, keras.layers.Dense(1)])
    >>> hidden.set_weights([np.array([[1.0, 0.0, 2.0], [3.0, 0.0, 4.0]]), np.ones(3)])
    >>> result = shrink(model, timed=False)
    >>> result.layers[["before", "after"]].to_numpy().tolist()
    [[3, 2], [1, 1]]

    References:
        - Wen, Wu, Wang, Chen & Li, Learning structured sparsity in deep neural networks (2016).
        - Liu, Li, Shen, Huang, Yan & Zhang, Learning efficient convolutional networks through
          network slimming (2017), whose γ are zero only up to a threshold; here they are zero.
    """
    checked_model(model)
    refuse_dataset("x", x)
    batch_size = whole_number("batch_size", batch_size, minimum=1)
    true_or_false("timed", timed)
    tolerance = finite_float("tolerance", tolerance, minimum=0)
    check_built(model)
    analysis = Analysis(model) if graph_of(model) is not None else None
    smaller = plain_copy(model) if analysis is None else shrunk(model, analysis)
    if x is None:
        x = random_inputs(model, batch_size)
    else:
        x = sample_arrays("x", x)
        check_inputs(model, x)
        x = keras.tree.map_structure(lambda values: values[:batch_size], x)
    if x is not None:
        _check_outputs(model, smaller, x, tolerance)
    if smaller.count_params() == model.count_params():
        warnings.warn(
            f"Nothing could be removed from the model '{model.name}': no unit has only zeros among "
            "its weights that is not an output or left whole. Train with a proximal optimizer, "
            "such as kerasreg.optimizers.ProximalAdam, and kernel_regularizer="
            "kerasreg.regularizers.GroupLasso(…)",
            stacklevel=2,
        )
    paths = layer_paths(model)
    return Shrunk(
        smaller,
        _table(model, smaller, x if timed else None),
        _layers(model, analysis, paths),
        _left_whole(model, analysis, paths),
    )


def _check_outputs(model: keras.Model, smaller: keras.Model, x: Any, tolerance: float) -> None:
    graph = graph_of(model)
    if graph is None or all(tensor.shape[0] is None for tensor in graph.inputs):
        x = keras.tree.map_structure(lambda values: values[:_N_COMPARED], x)
    names = graph.output_names if graph is not None else None
    # The states of seed generators: a layer that draws at inference moves them on.
    weights = {id(variable) for variable in [*model.weights, *smaller.weights]}
    variables = [*model.variables, *smaller.variables]
    states = [variable for variable in variables if id(variable) not in weights]
    kept = [np.array(values_of(variable)) for variable in states]
    expected, again, received = _outputs(model, x), _outputs(model, x), _outputs(smaller, x)
    for variable, value in zip(states, kept, strict=True):
        variable.assign(value)
    tolerance = max(tolerance, _ROUNDINGS * _epsilon(model))
    for at, (right, own) in enumerate(zip(expected, received, strict=True)):
        scale = np.max(np.abs(right), initial=0.0)
        difference = np.max(np.abs(right - own), initial=0.0)
        if difference <= tolerance * scale:  # False for NaN
            continue
        if not np.array_equal(right, again[at], equal_nan=True):
            reason = "they are random: two calls of the model differ too"
        elif not np.isfinite(scale):
            reason = "they are not finite"
        else:
            reason = "pass a larger `tolerance` if that can be rounding"
        name = names[at] if names else at
        raise RuntimeError(
            f"The smaller model cannot be shown to compute what '{model.name}' does: output "
            f"'{name}' differs by {difference:.3g}, expected at most {tolerance:.3g} of its "
            f"largest value, {scale:.3g}; {reason}"
        )


def _outputs(model: keras.Model, x: Any) -> list[np.ndarray]:
    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, x)
    outputs = keras.tree.flatten(model(tensors, training=False))
    return [keras.ops.convert_to_numpy(output).astype(float) for output in outputs]


def _epsilon(model: keras.Model) -> float:
    """The largest machine epsilon of what the layers compute in, 0 if that is float32 or finer."""
    coarse = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
    return max(coarse.get(layer.compute_dtype, 0.0) for layer in model._flatten_layers())


def _table(model: keras.Model, smaller: keras.Model, x: Any) -> pd.DataFrame:
    import pandas as pd

    # The model itself may carry an optimizer into its file, and is not to be compiled.
    models = [plain_copy(model), smaller]
    measured = {
        "parameters": [m.count_params() for m in models],
        "non_zero_parameters": [n_nonzero(m) for m in models],
        "flops": [n_flops(m) for m in models],
        "file_bytes": [file_size(m) for m in models],
    }
    if x is not None:
        measured["seconds_per_batch"] = seconds_per_batch(models, x)
        smaller.predict_function = None
    rows = [
        (quantity, before, after, after / before if before else math.nan)
        for quantity, (before, after) in measured.items()
    ]
    return pd.DataFrame(rows, columns=list(_TABLE_COLUMNS))


def _layers(model: keras.Model, analysis: Analysis | None, paths: dict[int, str]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for layer in model._flatten_layers():
        sizes = (getattr(layer, name, None) for name in ("units", "filters", "output_dim"))
        before = next((size for size in sizes if isinstance(size, int)), None)
        if before is None:
            continue
        site = analysis.sites.get(id(layer)) if analysis else None
        units = site.units if site else None
        after = before if units is None or not analysis else int(analysis.kept(units).sum())
        rows.append((paths.get(id(layer), layer.name), type(layer).__name__, before, after))
    return pd.DataFrame(rows, columns=list(_LAYER_COLUMNS))


def _left_whole(
    model: keras.Model, analysis: Analysis | None, paths: dict[int, str]
) -> dict[str, str]:
    if analysis is None:
        reason = f"the {type(model).__name__} is no graph of layers that can be followed"
        own = [layer for layer in model._flatten_layers() if layer._trainable_variables]
        return {paths.get(id(layer), layer.name): reason for layer in own}
    # In the order of the model, which is that of the paths.
    return {
        path: analysis.left_whole[at] for at, path in paths.items() if at in analysis.left_whole
    }
