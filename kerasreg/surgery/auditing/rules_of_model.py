"""The rules of an audit that are about the model alone, named by the codes that they give."""

from __future__ import annotations

from collections.abc import Iterator

import keras
from keras import ops

from kerasreg.regularizers.gate import without_gate
from kerasreg.surgery.auditing.lines import COMPILED_ANEW, regularize_line
from kerasreg.surgery.auditing.steps import NotTraced, forgotten, own_step_of
from kerasreg.surgery.auditing.subject import (
    Finding,
    Subject,
    batch_size_exponent,
    has_effect,
)
from kerasreg.surgery.places import described


def frozen(subject: Subject) -> Iterator[Finding]:
    for weight in subject.weights:
        if weight.regularizer is not None and not weight.is_trained:
            yield Finding(
                weight.name,
                "frozen",
                f"{weight.name} is frozen, so its penalty, {weight.value:.4g}, is not in "
                "model.losses, and losses before and after freezing do not compare; setting "
                "trainable = True brings it back",
                regularize_line(weight.name, "None"),
            )


def bias_or_normalization(subject: Subject) -> Iterator[Finding]:
    reasons = {
        "bias": (
            "bias",
            "a bias shifts outputs and does not react to inputs, so that shrinking it biases the "
            "outputs and makes nothing simpler",
        ),
        "gamma": (
            "normalization",
            "the scale of a normalization is 1 where it does nothing, not 0: a penalty on it "
            "switches units off, which is meant in network slimming alone",
        ),
        "beta": (
            "normalization",
            "the offset of a normalization shifts outputs as a bias does, and shrinking it makes "
            "nothing simpler",
        ),
    }
    for weight in subject.penalized:
        if weight.variable.name in reasons:
            warning, reason = reasons[weight.variable.name]
            yield Finding(
                weight.name,
                warning,
                f"{weight.name} has {described(weight.regularizer)}, now {weight.value:.4g}; "
                f"{reason}",
                regularize_line(weight.name, "None"),
            )


def ignored_or_not_saved(subject: Subject) -> Iterator[Finding]:
    for weight in subject.weights:
        argument, layer = weight.place.argument, weight.place.layer
        if argument is None:
            continue
        of_layer, of_variable = without_gate(getattr(layer, argument)), weight.regularizer
        if of_layer is of_variable or described(of_layer) == described(of_variable):
            continue
        source = f"{subject.source_of_layer(layer)}.{argument}"
        if of_layer is None:
            yield Finding(
                weight.name,
                "not_saved",
                f"{weight.name} has {described(of_variable)}, but {argument} of its layer is None, "
                "and a saved model keeps what the layer says",
                regularize_line(weight.name, subject.source_of(weight, of_variable)),
            )
        else:
            yield Finding(
                weight.name,
                "ignored",
                f"{argument} of the layer is {described(of_layer)}, but the loss has "
                f"{described(of_variable) or 'no penalty'}: Keras reads the argument only when "
                "the weight is made, and what is set later does nothing",
                regularize_line(weight.name, source),
            )
    yield from _without_weight(subject)
    yield from _without_activity(subject)


def _without_weight(subject: Subject) -> Iterator[Finding]:
    """Arguments of layers that have no such weight, as `bias_regularizer` with no bias."""
    used = {(id(weight.place.layer), weight.place.argument) for weight in subject.weights}
    for layer in subject.model._flatten_layers(include_self=False):
        # A layer of the user's own may do anything with what it was given.
        if not type(layer).__module__.startswith("keras."):
            continue
        for argument, value in list(vars(layer).items()):
            is_public = argument.endswith("_regularizer") and not argument.startswith("_")
            if value is None or not is_public or argument == "activity_regularizer":
                continue
            if not any((id(below), argument) in used for below in layer._flatten_layers()):
                path = subject.paths[id(layer)]
                yield Finding(
                    path,
                    "ignored",
                    f"{argument}={described(value)} of {path} does nothing: the layer has no such "
                    "weight",
                    f"{subject.source_of_layer(layer)}.{argument} = None",
                )


def _without_activity(subject: Subject) -> Iterator[Finding]:
    """Activity regularizers that Keras passes by."""
    for layer in subject.layers_called_past:
        if layer.activity_regularizer is not None:
            path, source = subject.paths[id(layer)], subject.source_of_layer(layer)
            wrapper = source.removesuffix(".layer")
            yield Finding(
                path,
                "ignored",
                f"activity_regularizer={described(layer.activity_regularizer)} of {path} does "
                "nothing: TimeDistributed calls past it; the wrapper itself can have it",
                f"{wrapper}.activity_regularizer, {source}.activity_regularizer = "
                f"{source}.activity_regularizer, None{COMPILED_ANEW}",
            )
    for layer in subject.model._flatten_layers(include_self=False):
        # Keras keeps the arguments of a layer that was made with plain ones.
        given = getattr(getattr(layer, "_auto_config", None), "config", {})
        name = given.get("activity_regularizer")
        if (
            name
            and layer.activity_regularizer is None
            and not hasattr(layer, "_activity_regularizer")
        ):
            path, source = subject.paths[id(layer)], subject.source_of_layer(layer)
            yield Finding(
                path,
                "ignored",
                f"activity_regularizer={name!r} of {path} does nothing: {type(layer).__name__} of "
                f"Keras {keras.__version__} drops the argument",
                f"{source}.activity_regularizer = keras.regularizers.get({name!r}){COMPILED_ANEW}",
            )


def batch_size(subject: Subject) -> Iterator[Finding]:
    for activity in subject.activities:
        regularizer = activity.layer.activity_regularizer
        exponent = batch_size_exponent(regularizer, activity.shape)
        if exponent:
            source = f"{subject.source_of_layer(activity.layer)}.activity_regularizer"
            yield Finding(
                activity.name,
                "batch_size",
                f"twice the batch size multiplies the activity penalty of {activity.name} by "
                f"{2.0**exponent:.3g} in this Keras (measured), so that its strength holds for "
                "one batch size only",
                f"{source} = lambda a, of_batch={source}: of_batch(a) * keras.ops.cast("
                f"keras.ops.shape(a)[0], a.dtype) ** {-exponent:g}{COMPILED_ANEW}",
            )
    if subject.activities and not batch_size_exponent(ops.sum, (1,)):
        subject.notes.append(
            "This Keras divides activity penalties by the batch size (measured): a strength "
            "counts per sample. One that was tuned where Keras did not divide, before 3.14, has "
            "to be multiplied by the batch size it was tuned with."
        )


def not_in_train_step(subject: Subject) -> Iterator[Finding]:
    given, model = subject.train_step, subject.model
    # Under a proximal optimizer the prox applies the penalties, whatever the gradients hold.
    weights = [w for w in subject.penalized if not subject.is_proximal(w.variable)]
    name = "train_step" if given is not None else own_step_of(model)
    if not weights or name is None:
        return
    if not subject.has_data:
        subject.notes.append(f"{name} is not checked for penalties: pass x and y.")
        return
    try:
        left_out = forgotten(model, weights, subject.x, subject.y, given)
    except NotTraced as error:
        subject.notes.append(f"{name} is not checked for penalties: {error}.")
        return
    fix = f"loss = loss + sum({'self' if given is None else 'model'}.losses)"
    if keras.backend.backend() == "jax":
        fix = "loss = loss + sum(losses)  # of model.stateless_call(…, return_losses=True)"
    for weight in left_out:
        yield Finding(
            weight.name,
            "not_in_train_step",
            f"{name} does not differentiate the penalty of {weight.name}, now {weight.value:.4g}: "
            "a loop of one's own has to add model.losses to its loss",
            fix,
        )


def no_effect(subject: Subject) -> Iterator[Finding]:
    reason = (
        "is 0 for any {of}: give it a strength above 0 (Keras's name 'l1l2' means L1L2(0, 0)), or "
        "take it off"
    )
    for weight in subject.penalized:
        if not weight.has_effect:
            yield Finding(
                weight.name,
                "no_effect",
                f"{described(weight.regularizer)} of {weight.name} {reason.format(of='weights')}",
                regularize_line(weight.name, "None"),
            )
    for activity in subject.activities:
        regularizer = activity.layer.activity_regularizer
        if not has_effect(regularizer, (4, *activity.shape)):
            yield Finding(
                activity.name,
                "no_effect",
                f"{described(regularizer)} of {activity.name} {reason.format(of='activities')}",
                f"{subject.source_of_layer(activity.layer)}.activity_regularizer = None"
                f"{COMPILED_ANEW}",
            )
