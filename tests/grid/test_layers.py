"""Convolutions, normalization, dropout, recurrent layers and embeddings, member by member."""

import keras
import numpy as np
import pytest
from keras import layers, regularizers

if keras.backend.backend() != "tensorflow":
    pytest.skip("kerasreg.grid needs the TensorFlow backend", allow_module_level=True)

from kerasreg.grid import train_grid
from kerasreg.regularizers import GroupLasso, KLSparsity
from tests.grid.members import CROSSENTROPY, curve
from tests.grid.small_models import IMAGES, LABELS, SEQUENCES, WORDS, N, X, classified, mlp, plain


@pytest.mark.parametrize(
    ("filters", "settings"),
    [
        ((3, 2), {"padding": "same"}),
        ((3, 3), {"padding": "valid"}),
        ((2, 4), {"padding": "same"}),
        # Those that run member by member.
        ((2, 2), {"padding": "valid", "strides": 2}),
        ((2, 2), {"padding": "same", "dilation_rate": 2}),
        ((2, 2), {"padding": "same", "groups": 2}),
        ((2, 2), {"padding": "valid", "first_strides": 2}),
    ],
)
def test_convolutions_of_images_that_differ_between_members(filters, settings):
    settings = dict(settings)
    first = {"padding": "same", "strides": settings.pop("first_strides", 1)}
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(4, 2, activation="tanh", kernel_regularizer="l2", **first),
            layers.Conv2D(6, filters, activation="tanh", kernel_regularizer="l2", **settings),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, "softmax"),
        ]
    )
    classified(model, IMAGES, epochs=2, jit_compile="groups" not in settings)


@pytest.mark.parametrize(
    ("convolution", "shape"),
    [
        (layers.DepthwiseConv2D(2, depthwise_regularizer="l2"), (6, 6, 1)),
        (layers.Conv3D(2, 2, kernel_regularizer="l2"), (3, 3, 4, 1)),
        (layers.Conv1D(2, 2, kernel_regularizer="l2"), (9, 4)),
    ],
)
def test_other_convolutions(convolution, shape):
    model = keras.Sequential(
        [
            keras.Input(shape),
            layers.Dense(2, "tanh"),  # so that what is convolved differs between members
            convolution,
            layers.Flatten(),
            layers.Dense(3, "softmax"),
        ]
    )
    classified(model, IMAGES.reshape(N, *shape), epochs=2, jit_compile=False)


def test_images_that_are_large_are_convolved_member_by_member(monkeypatch):
    from kerasreg.grid import convolutions

    monkeypatch.setattr(convolutions, "_MAX_PATCH_BYTES", 0)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(2, 2, activation="tanh", kernel_regularizer="l2"),
            layers.Conv2D(2, 2, activation="tanh", kernel_regularizer="l2"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, "softmax"),
        ]
    )
    classified(model, IMAGES, epochs=1, jit_compile=True)


def test_convolutions():
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(3, 3, activation="tanh", kernel_regularizer=GroupLasso(0.02)),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, "softmax", kernel_regularizer="l1"),
        ]
    )
    classified(model, IMAGES, jit_compile=True)


def normalized():
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, "tanh", kernel_regularizer="l2"),
            layers.BatchNormalization(momentum=0.8),
            layers.Dense(3, "softmax", kernel_regularizer="l1"),
        ]
    )


def test_batch_normalization_sees_its_short_batch_and_has_statistics_for_each_member():
    record = classified(normalized(), optimizer=plain, jit_compile=True, check_both=True)
    statistics = [record.values(strength)[-1] for strength in (0.05, 0.5)]
    assert np.all(statistics[0] != statistics[1])


def dropping(rate=0.5):
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, "tanh", kernel_regularizer="l2"),
            layers.Dropout(rate),
            layers.Dense(3, "softmax", kernel_regularizer="l1"),
        ]
    )


@pytest.mark.parametrize("jit_compile", [True, False])
def test_dropout_draws_for_a_member_what_it_draws_alone(jit_compile):
    # XLA draws other numbers than a plain graph.
    alone = {"jit_compile": jit_compile}
    classified(dropping(), seed=3, jit_compile=jit_compile, alone=alone, check_both=True)


def test_members_of_a_seed_have_the_same_dropout_and_of_another_seed_another():
    model = dropping()
    settings = {"optimizer": plain(), "loss": CROSSENTROPY, "epochs": 2, "verbose": 0}
    record = train_grid(model, X, LABELS, strengths=(0.0, 1e-20), seeds=(0, 1), **settings)
    members = [record.values(s, seed=seed) for seed in (0, 1) for s in (0.0, 1e-20)]
    for first, second in (members[:2], members[2:]):
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one, other)
    assert np.any(members[0][0] != members[2][0])
    # Not the initial weights alone: a state of its own.
    assert np.any(members[0][-1] != members[2][-1])


def test_members_with_the_weights_of_the_model_draw_by_their_seed():
    record = train_grid(
        dropping(),
        X,
        LABELS,
        strengths=(0.1,),
        seeds=(0, 1),
        initial_weights="model",
        optimizer=plain(),
        loss=CROSSENTROPY,
        epochs=1,
        verbose=0,
    )
    assert np.any(record.values(0.1, seed=0)[0] != record.values(0.1, seed=1)[0])


def test_a_recurrent_layer_that_xla_cannot_compile_trains_as_a_graph():
    model = keras.Sequential(
        [
            keras.Input((4, 3)),
            layers.LSTM(4, kernel_regularizer="l1", recurrent_regularizer="l2"),
            layers.Dense(3, "softmax"),
        ]
    )
    with pytest.warns(UserWarning, match="trains as a plain graph, which is slower: XLA") as caught:
        classified(model, SEQUENCES, jit_compile=True)
    assert len(caught) == 1


def test_embeddings_whose_gradients_are_sparse():
    model = keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            layers.Embedding(7, 3, embeddings_regularizer=GroupLasso(0.02, "inputs")),
            layers.Flatten(),
            layers.Dense(3, "softmax"),
        ]
    )
    classified(model, WORDS)


@pytest.mark.parametrize(
    "regularizer",
    [
        regularizers.L1(0.1),
        regularizers.L2(0.1),
        KLSparsity(0.2, target=0.2),
    ],
    ids=["L1", "L2", "KLSparsity"],
)
def test_penalties_on_activities_have_the_strength_of_the_member(regularizer):
    record = classified(mlp("sigmoid", activity_regularizer=regularizer), check_both=True)
    ends = {s: curve(record, "penalty/dense", strength=s)[-1] for s in (0.05, 0.5)}
    assert ends[0.5] > 5 * ends[0.05] > 0
