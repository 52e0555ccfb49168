"""What is wrong with the regularization of a model, and the line that mends it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

from kerasreg.arguments import invalid_argument
from kerasreg.checks import checked_model, refuse_dataset
from kerasreg.surgery.auditing import rules_of_data, rules_of_model, rules_of_optimizer
from kerasreg.surgery.auditing.subject import Finding, Subject, unchanged
from kerasreg.surgery.places import described
from kerasreg.typing import Samples

if TYPE_CHECKING:
    import pandas as pd

VARIABLE_COLUMNS = (
    "variable",
    "shape",
    "n_weights",
    "trainable",
    "regularizer",
    "penalty",
    "regularized",
)
WARNING_COLUMNS = Finding._fields

# Named by the codes that they give, in the order in which an audit shows them.
RULES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    rules_of_model.frozen,
    rules_of_model.ignored_or_not_saved,
    rules_of_model.no_effect,
    rules_of_model.not_in_train_step,
    rules_of_model.bias_or_normalization,
    rules_of_optimizer.no_exact_zeros,
    rules_of_optimizer.no_prox,
    rules_of_optimizer.weight_decay,
    rules_of_optimizer.strength_scale,
    rules_of_model.batch_size,
    rules_of_data.dominates_or_negligible,
    rules_of_data.all_zero,
)


@dataclass(frozen=True, eq=False, repr=False)
class Audit:
    """What `audit` has found; printed, it reads as a report.

    Args:
        name: The name of the model.
        variables: A table with a row for each weight and each activity regularizer; columns
            `variable`, `shape`, `n_weights`, `trainable`, `regularizer`, `penalty`, `regularized`.
        warnings: A table with a row for each fault, empty for a model without one; columns
            `where`, `warning`, `explanation`, `fix`.
        notes: Sentences on what was not checked, and on how Keras counts activity penalties.

    Example:

    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, bias_regularizer="l2")])
    >>> found = kerasreg.surgery.audit(model)
    >>> found.variables[["variable", "n_weights"]].to_numpy().tolist()
    [['dense/kernel', 3], ['dense/bias', 1]]
    >>> found.warnings["fix"].tolist()
    ['kerasreg.surgery.regularize(model, {"dense/bias": None})']
    """

    name: str
    variables: pd.DataFrame
    warnings: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        table = self.variables.to_string(
            index=False, formatters={"penalty": "{:.4g}".format}, na_rep=""
        )
        n_warnings = len(self.warnings)
        count = {0: "no warnings", 1: "1 warning"}.get(n_warnings, f"{n_warnings} warnings")
        lines = [f"Audit of '{self.name}': {count}", "", table]
        # Faults of many weights that one line mends are shown as one.
        for (warning, fix), rows in self.warnings.groupby(["warning", "fix"], sort=False):
            lines += ["", f"{warning}: {', '.join(rows['where'])}"]
            for explanation in rows["explanation"]:
                lines.append(
                    textwrap.fill(explanation, 96, initial_indent="  ", subsequent_indent="  ")
                )
            lines.append(f"  fix: {fix}")
        for note in self.notes:
            lines += ["", textwrap.fill(f"Note: {note}", 98, subsequent_indent="  ")]
        return "\n".join(lines)

    __repr__ = __str__


def audit(
    model: keras.Model,
    x: Samples | None = None,
    y: Samples | None = None,
    *,
    train_step: Callable[[Any, Any], Any] | None = None,
) -> Audit:
    """Looks for regularizers that do nothing, do too much, or are done twice.

    Each fault that is found has a line of Python that mends it, to be pasted where the model is
    called `model` and `keras` and `kerasreg` are imported (`not_in_train_step`: into the training
    step). The warnings, by their codes:

    - `frozen`: a weight is frozen, and its penalty has dropped out of `model.losses`.
    - `ignored`: a layer has a regularizer that no loss has: one that was set after the layer was
      built, one for a weight that the layer has not (`bias_regularizer` without a bias), one of
      an activity that Keras passes by.
    - `not_saved`: a loss has a regularizer that the layer does not know, so that a file loses it.
    - `no_effect`: the penalty is 0 for any weights, as that of `"l1l2"` is.
    - `not_in_train_step`: a training step of one's own does not differentiate the penalty.
    - `bias`, `normalization`: a penalty on an offset or on the scale of a normalization.
    - `no_exact_zeros`: the penalty makes exact zeros and the optimizer cannot reach them.
    - `no_prox`: a proximal optimizer does not know the regularizer.
    - `weight_decay`: a penalty that decays the weights, and the optimizer's own decay too.
    - `strength_scale`: a proximal optimizer multiplies all strengths by something else than 1.
    - `batch_size`: the strength of an activity penalty depends on the batch size. This is
      measured on a small layer, for Keras divides by the batch size only from 3.14 on.
    - `dominates`, `negligible`: the penalty of a weight array is more than 100 times the data
      loss, or less than 1e-6 of it. Needs `x` and `y`.
    - `all_zero`: the strength makes the whole array zero. Needs `x` and `y`. On the way from the
      weights w to zero, at t·w for t = 1, 0.5, 0.1 and 0.01 with all other weights as they are,
      the strength is above `P.strength_max(∇data_loss(t·w))`, and the objective falls,
      ⟨∇data_loss(t·w) + ∇P(t·w), w⟩ >= 0. The gradient at w alone would not do: where the data
      are fitted exactly it is zero, and says nothing about what holds the weights there.

    The training step is traced and not run: on TensorFlow as a graph, on JAX by `jax.eval_shape`,
    on up to 8 samples. A step that cannot be traced is not checked, and a note says so; on
    PyTorch none can. Under a proximal optimizer penalties need not be in the gradients.

    Args:
        model: A built Keras model, compiled or not. It is not changed, nor are its optimizer,
            the programs that it has compiled, and the random state. Without an optimizer or a
            loss, what needs them is left out.
        x: Inputs, an array of shape `(samples, …)` or a nested structure of them; or None. A
            pass for the loss and a few for gradients are made over all samples, without dropout.
        y: Targets, likewise.
        train_step: A function of `(x, y)`, plain or a `tf.function`, that does a step of a
            training loop of one's own; or None. Without it the model's own `train_step` is
            checked if its class has one.

    Returns:
        An `Audit`, to be printed, with the tables

        - `variables`: `variable` (`dense/kernel`; for an activity regularizer the path of the
          layer), `shape` (empty for activities), `n_weights` (0 for activities), `trainable`,
          `regularizer` (`L1(l1=0.1)`, empty for none), `penalty` (its value now; for activities
          the one on the first 256 samples of `x`, NaN without), `regularized` (whether
          `model.losses` has it);
        - `warnings`: `where`, `warning` (a code from above), `explanation`, `fix`.

    Raises:
        TypeError: If `model` is not a Keras model.
        ValueError: If it is not built, `y` is given without `x`, or they do not fit.

    Example:

    >>> dense = keras.layers.Dense(1, bias_regularizer="l2")
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> kerasreg.surgery.audit(model).warnings[["where", "warning"]].to_numpy().tolist()
    [['dense/bias', 'bias']]
    """
    import pandas as pd

    checked_model(model)
    if x is None and y is not None:
        raise invalid_argument("x", "inputs for the targets `y`", None)
    refuse_dataset("x", x)
    if train_step is not None and not callable(train_step):
        raise invalid_argument("train_step", "a function of (x, y), or None", train_step)
    with unchanged(model):
        subject = Subject(model, x, y, train_step)
        found = [finding for rule in RULES for finding in rule(subject)]
    rows: list[tuple[Any, ...]] = [
        (
            weight.name,
            weight.shape,
            weight.n_weights,
            weight.is_trained,
            described(weight.regularizer),
            weight.value,
            weight.in_losses,
        )
        for weight in subject.weights
    ]
    rows += [
        (
            activity.name,
            (),
            0,
            activity.layer.trainable,
            described(activity.layer.activity_regularizer),
            activity.value,
            activity.in_losses,
        )
        for activity in subject.activities
    ]
    return Audit(
        model.name,
        pd.DataFrame(rows, columns=list(VARIABLE_COLUMNS)),
        pd.DataFrame(found, columns=list(WARNING_COLUMNS)),
        tuple(subject.notes),
    )
