"""The rules of an audit that are about the optimizer, named by the codes that they give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerasreg.proximal_optimizer import ProximalOptimizer
from kerasreg.regularizers import as_penalty
from kerasreg.surgery.auditing.lines import COMPILED_ANEW, compile_line, constructed, proximal_twin
from kerasreg.surgery.auditing.subject import Finding, Subject
from kerasreg.surgery.places import described
from kerasreg.variables import values_of


def weight_decay(subject: Subject) -> Iterator[Finding]:
    for weight in subject.penalized:
        optimizer, source = subject.optimizer_of(weight.variable)
        decay, fix = _decay(optimizer, source, weight.variable)
        if not decay:
            continue
        # Any penalty whose pull grows with the weight is a decay, whatever its class.
        ones = np.ones(weight.shape)
        near, far = (np.max(np.abs(weight.slope(at * ones)), initial=0.0) for at in (1, 2))
        if far - near > 1e-3 * far:
            yield Finding(
                weight.name,
                "weight_decay",
                f"{weight.name} decays twice: {described(weight.regularizer)} adds about "
                f"{far - near:.3g}·w to its gradient, and weight_decay={decay:g} of "
                f"{type(optimizer).__name__} takes {decay:g}·learning_rate·w off at every step",
                fix + COMPILED_ANEW,
            )


def _decay(optimizer: Any, source: str, variable: keras.Variable) -> tuple[float, str]:
    """The weight decay that an optimizer applies to a variable, and a line that ends it."""
    names = ["weight_decay"]
    if getattr(optimizer, "_should_use_adamw", None):  # Muon has two kinds of variables
        names = ["weight_decay", "adam_weight_decay"]
        own = names[bool(optimizer._should_use_adamw(variable))]
    else:
        own = "weight_decay"
    decay = getattr(optimizer, own, None)
    if not decay or not _decays(optimizer, variable):
        return 0.0, ""
    return float(decay), " = ".join([*(f"{source}.{name}" for name in names), "0.0"])


def _decays(optimizer: Any, variable: keras.Variable) -> bool:
    """What `exclude_from_weight_decay` has left; the optimizer's memory of it stays as it was."""
    name = "_exclude_from_weight_decay_cache"
    attributes = vars(optimizer)
    before = dict(attributes[name]) if name in attributes else None
    try:
        return bool(optimizer._use_weight_decay(variable))
    finally:
        if before is None:
            del attributes[name]
        else:
            attributes[name] = before


def no_exact_zeros(subject: Subject) -> Iterator[Finding]:
    for weight in subject.penalized:
        optimizer, source = subject.optimizer_of(weight.variable)
        reaches_zero = isinstance(optimizer, ProximalOptimizer) or (
            getattr(optimizer, "l1_regularization_strength", 0) > 0
        )
        if optimizer is None or reaches_zero or not weight.has_zeros or not weight.has_effect:
            continue
        values = values_of(weight.variable)
        twin = proximal_twin(optimizer, source)
        yield Finding(
            weight.name,
            "no_exact_zeros",
            f"{described(weight.regularizer)} has exact zeros at its minimum, which "
            f"{type(optimizer).__name__} steps across and does not reach: "
            f"{int((values == 0).sum())} of the {values.size} weights of {weight.name} are zero "
            "now; a proximal optimizer reaches them",
            compile_line(subject.model, twin),
        )


def no_prox(subject: Subject) -> Iterator[Finding]:
    for weight in subject.penalized:
        optimizer, source = subject.optimizer_of(weight.variable)
        if not isinstance(optimizer, ProximalOptimizer):
            continue
        try:
            as_penalty(weight.regularizer)
        except TypeError:
            kind = next(c for c in type(optimizer).__mro__ if c.__module__.startswith("keras."))
            plain = constructed(f"keras.optimizers.{kind.__name__}", kind, optimizer, source)
            yield Finding(
                weight.name,
                "no_prox",
                f"{type(optimizer).__name__} cannot apply {described(weight.regularizer)} of "
                f"{weight.name}, of which no prox is known, and will raise",
                compile_line(subject.model, plain),
            )


def strength_scale(subject: Subject) -> Iterator[Finding]:
    found = {subject.optimizer_of(weight.variable) for weight in subject.weights}
    for optimizer, source in sorted(found, key=lambda pair: pair[1]):
        if not isinstance(optimizer, ProximalOptimizer) or not optimizer.built:
            continue
        scale = float(values_of(optimizer.strength_scale))
        if scale != 1:
            yield Finding(
                "optimizer",
                "strength_scale",
                f"{source}.strength_scale is {scale:.4g}, which multiplies all strengths: an "
                "interrupted schedule may have left it",
                f"{source}.strength_scale.assign(1.0)",
            )
