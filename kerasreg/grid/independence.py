"""Which models, losses and metrics of Keras keep the samples of a batch apart."""

from typing import Any

import keras

from kerasreg.losses import MEANS, METRIC_WORDS, is_of_keras, resolved_loss

# What computes each sample by itself, so that samples which only fill a batch change nothing. For
# a model with anything else the short batch stays as it is, in a program of its own.
_LAYERS = """
    Activation Add Average AveragePooling1D AveragePooling2D AveragePooling3D Bidirectional
    Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Cropping1D
    Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D ELU EinsumDense Embedding Flatten
    Functional GRU GRUCell GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D InputLayer LSTM LSTMCell
    LayerNormalization LeakyReLU MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum Multiply
    Normalization PReLU Permute RNN ReLU RepeatVector Rescaling Reshape SeparableConv1D
    SeparableConv2D Sequential SimpleRNN SimpleRNNCell Softmax Subtract TimeDistributed
    UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
"""
# Those that do so outside training only.
_LAYERS_IN_EVALUATION = """
    AlphaDropout BatchNormalization Dropout GaussianDropout GaussianNoise SpatialDropout1D
    SpatialDropout2D SpatialDropout3D
"""
# Attributes of recurrent layers that draw in training.
_DROPS = ("dropout", "recurrent_dropout")
_LOSSES = """
    BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy
    CategoricalFocalCrossentropy CategoricalHinge Hinge Huber KLDivergence LogCosh
    MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError
    Poisson SparseCategoricalCrossentropy SquaredHinge
"""
_METRICS = """
    AUC Accuracy BinaryAccuracy BinaryCrossentropy CategoricalAccuracy CategoricalCrossentropy
    CategoricalHinge F1Score FBetaScore FalseNegatives FalsePositives Hinge KLDivergence
    LogCoshError MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError
    MeanSquaredLogarithmicError Poisson Precision Recall RootMeanSquaredError
    SparseCategoricalAccuracy SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy
    SquaredHinge TopKCategoricalAccuracy TrueNegatives TruePositives
"""


def samples_are_independent(model: keras.Model, loss: Any, metrics: Any, training: bool) -> bool:
    """Whether samples of weight 0 in a batch leave all others, loss, gradient and metrics alone.

    Only what is known to do so counts: models of Keras's layers and functions with one output of
    shape `(batch_size, units)`, and a loss and metrics of Keras.
    """
    known = {*_LAYERS.split(), *("" if training else _LAYERS_IN_EVALUATION).split()}
    outputs = keras.tree.flatten(getattr(model, "outputs", None) or [])
    return (
        len(outputs) == 1
        # Of more axes the losses have more than one value a sample, with weights of their own.
        and len(outputs[0].shape) == 2
        and all(_keeps_samples_apart(layer, known, training) for layer in model._flatten_layers())
        and not keras.tree.is_nested(loss)
        and _is_one_of(keras.losses.get(loss), _LOSSES)
        and getattr(resolved_loss(loss), "reduction", None) in MEANS
        and getattr(loss, "ignore_class", None) is None
        and all(
            each in METRIC_WORDS or _is_one_of(keras.metrics.get(each), _METRICS)
            for each in keras.tree.flatten(metrics)
        )
    )


def _keeps_samples_apart(layer: keras.layers.Layer, known: set[str], training: bool) -> bool:
    functions = [getattr(layer, name, None) for name in ("activation", "recurrent_activation")]
    axes = keras.tree.flatten(getattr(layer, "axis", None))
    return (
        is_of_keras(type(layer))
        and type(layer).__name__ in known
        and layer.activity_regularizer is None
        and all(isinstance(each, keras.layers.Layer) for each in getattr(layer, "_operations", ()))
        and all(each is None or is_of_keras(each) for each in functions)
        and 0 not in axes
        and not getattr(layer, "stateful", False)
        # A mask would leave samples out of the mean that a loss is.
        and not getattr(layer, "mask_zero", False)
        and not (training and any(getattr(layer, name, None) for name in _DROPS))
    )


def _is_one_of(thing: Any, names: str) -> bool:
    """Whether it is a Keras object of one of these classes, or the function behind one."""
    found = getattr(thing, "__name__", type(thing).__name__).replace("_", "").lower()
    return is_of_keras(thing) and found in names.lower().split()
