"""The rules of an audit that need data, named by the codes that they give."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from kerasreg.optimality import zero_is_always_stationary
from kerasreg.regularizers import scaled_regularizer
from kerasreg.surgery.auditing.lines import regularize_line
from kerasreg.surgery.auditing.subject import Finding, Subject, Weight
from kerasreg.surgery.places import described
from kerasreg.variables import values_of

# A penalty is out of proportion above and below these multiples of the data loss.
_DOMINATES, _NEGLIGIBLE = 100.0, 1e-6
# Where on the way from a weight array to zero the data gradient is compared with the penalty.
_WAY_TO_ZERO = (1.0, 0.5, 0.1, 0.01)


def dominates_or_negligible(subject: Subject) -> Iterator[Finding]:
    if subject.data_gradient is None:
        return
    data_loss = subject.data_loss
    for weight in subject.penalized:
        ratio = weight.value / data_loss if data_loss > 0 else math.inf
        if weight.value <= 0 or data_loss <= 0 or _NEGLIGIBLE <= ratio <= _DOMINATES:
            continue
        code, effect = "dominates", "training looks at little else"
        if ratio < _NEGLIGIBLE:
            code, effect = "negligible", "training does not notice it"
        yield Finding(
            weight.name,
            code,
            f"the penalty of {weight.name}, {weight.value:.3g}, is {ratio:.1g} of the data loss, "
            f"{data_loss:.3g}: {effect}",
            _rescaled(subject, weight, 1 / ratio),
        )


def all_zero(subject: Subject) -> Iterator[Finding]:
    """Strengths against which no single weight can hold out, anywhere on the way to zero.

    Along t·w, for t from 1 to 0, the objective falls by ⟨∇data_loss(tw) + ∇P(tw), w⟩ a unit of t.
    Where the strength is above `strength_max` of the data gradient at each of these points, and
    that product is positive, the whole array goes to zero. The gradient at w alone would not do:
    it vanishes at a minimum of the data loss, and so says nothing about what holds w there.
    Nor does `strength_max` where the slope at zero is infinite, and every strength is above it:
    of such a penalty only a data loss that does not depend on w is reported.
    """
    if subject.data_gradient is None:
        return
    for weight in subject.penalized:
        penalty = weight.penalty
        if penalty is None or not weight.has_zeros or not weight.has_effect:
            continue
        w = values_of(weight.variable).astype("float32")
        always = zero_is_always_stationary(penalty, weight.shape)
        limits = []
        for t in _WAY_TO_ZERO if w.any() else (1.0,):
            key = id(weight.variable)
            gradient = (subject.gradients if t == 1 else subject.gradients_at({key: t * w}))[key]
            limits.append(float(penalty.strength_max(gradient)))
            falls = float(np.sum((gradient + weight.slope(t * w)) * w)) >= 0
            holds_out = bool(gradient.any()) if always else penalty.strength <= limits[-1]
            if holds_out or not falls:
                break
        else:
            limit = max(limits)
            if limit > 0:
                explanation = (
                    f"{described(weight.regularizer)} is {penalty.strength / limit:.3g} times as "
                    f"strong as what makes all of {weight.name} zero"
                )
                fix = _rescaled(subject, weight, 0.1 * limit / penalty.strength)
            else:
                explanation = (
                    f"the data loss does not depend on {weight.name} here, so that its penalty "
                    "alone decides and makes all of it zero"
                )
                fix = regularize_line(weight.name, "None")
            yield Finding(weight.name, "all_zero", explanation, fix)


def _rescaled(subject: Subject, weight: Weight, factor: float) -> str:
    factor = float(f"{factor:.1g}")
    try:
        regularizer = scaled_regularizer(weight.regularizer, factor)
    except TypeError:
        own = subject.source_of(weight, weight.regularizer)
        return regularize_line(weight.name, f"lambda w, full={own}: {factor:g} * full(w)")
    source = subject.source_of(weight, weight.regularizer)
    if source.startswith(("keras.", "kerasreg.")):
        source = subject.source_of(weight, regularizer)
    else:
        source = f"kerasreg.regularizers.scaled_regularizer({source}, {factor:g})"
    return regularize_line(weight.name, source)
