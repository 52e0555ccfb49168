"""A member of a grid is the model that `train` trains alone: that is what these tests compare."""

import keras
import numpy as np
import pytest
from keras import layers, ops, regularizers

if keras.backend.backend() != "tensorflow":
    pytest.skip("kerasreg.grid needs the TensorFlow backend", allow_module_level=True)

from grid_members import CROSSENTROPY, compared, curve

from kerasreg import optimizers
from kerasreg.copies import copy_with, fresh_values
from kerasreg.grid import train_grid
from kerasreg.regularizers import MCP, ElasticNet, GroupLasso, KLSparsity
from kerasreg.training import train

RANDOM = np.random.default_rng(0)
N = 43  # two batches of 16 and a short one of 11
X = RANDOM.normal(size=(N, 5)).astype("float32")
W = np.array([2.0, -1.0, 0.5, 0, 0], "float32")
TARGETS = (X @ W + 0.1 * RANDOM.normal(size=N)).astype("float32")[:, None]
LABELS = (X[:, 0] > 0).astype("int32") + (X[:, 1] > 0.5)
IMAGES = RANDOM.normal(size=(N, 6, 6, 1)).astype("float32")
SEQUENCES = RANDOM.normal(size=(N, 4, 3)).astype("float32")
WORDS = RANDOM.integers(0, 7, size=(N, 4))
STRENGTHS = (0.0, 0.05, 0.5)


def mlp(activation="tanh", first="l2", last=None, **settings):
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, activation, kernel_regularizer=first, **settings),
            layers.Dense(3, "softmax", kernel_regularizer=last),
        ]
    )


def classified(model, x=X, **settings):
    settings = {"loss": CROSSENTROPY, "metrics": ["accuracy"], "optimizer": adam} | settings
    return compared(model, x, LABELS, **settings)


def adam():
    return optimizers.ProximalAdam(0.02)


def curve_of(result, epoch):
    """The training loss of a model trained alone, in an epoch."""
    table = result.curves.query("epoch == @epoch and split == 'train' and quantity == 'loss'")
    return table["value"].item()


def plain():
    return keras.optimizers.SGD(0.1)


# Penalties and optimizers


def linear():
    """Linear models beside each other, each with a penalty of its own."""
    penalties = [regularizers.L1(1.0), ElasticNet(0.5, 0.7), GroupLasso(0.4, "inputs"), MCP(0.6)]
    x = keras.Input((5,))
    units = [layers.Dense(2, kernel_regularizer=each)(x) for each in penalties]
    return keras.Model(x, layers.Concatenate()(units))


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: optimizers.ProximalSGD(0.2),
        lambda: optimizers.ProximalSGD(0.2, momentum=0.5, nesterov=True),
        adam,
    ],
    ids=["SGD", "momentum", "Adam"],
)
def test_members_of_linear_models_have_the_same_support(optimizer):
    record = compared(
        linear(),
        X,
        np.repeat(TARGETS, 8, axis=1),
        strengths=(0.01, 0.3, 0.9),
        optimizer=optimizer,
        loss="mse",
        metrics=["mae"],
        epochs=8,
        jit_compile=True,
        check_both=True,
    )
    zeros = record.weights.query("epoch == 8 and n_weights == 10 and strength > 0.1")["n_zero"]
    assert (zeros.groupby(level=0).max() > 0).sum() >= 5


@pytest.mark.parametrize(
    "optimizer",
    [
        plain,
        lambda: keras.optimizers.Adam(0.01),
        lambda: keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
        lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1, amsgrad=True),
    ],
    ids=["SGD", "Adam", "RMSprop", "AdamW"],
)
def test_plain_optimizers_descend_the_penalties(optimizer):
    model = mlp(
        first=regularizers.L2(0.3),
        last=regularizers.L1(0.1),
        bias_regularizer=regularizers.L1L2(0.1, 0.2),
    )
    classified(model, optimizer=optimizer)


def _without_biases(optimizer):
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.3, clipnorm=0.01),
        lambda: optimizers.ProximalSGD(0.3, global_clipnorm=0.02),
        lambda: keras.optimizers.Adam(0.02, clipvalue=0.01),
        lambda: _without_biases(keras.optimizers.SGD(0.1, weight_decay=0.5)),
        lambda: optimizers.ProximalAdam(0.02, use_ema=True, ema_momentum=0.8),
        lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=2),
        lambda: keras.optimizers.Adam(0.02, gradient_accumulation_steps=2),
        lambda: optimizers.ProximalAdam(keras.optimizers.schedules.CosineDecay(0.05, 8)),
    ],
    ids=["clipnorm", "global", "clipvalue", "decay", "ema", "overwritten", "summed", "schedule"],
)
def test_a_setting_of_the_optimizer_is_that_of_each_member(optimizer):
    classified(mlp(first="l1", last="l2"), optimizer=optimizer, check_both=True)


def test_a_variable_that_was_excluded_from_weight_decay_does_not_decay():
    model = mlp()
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[model.layers[0].kernel])
    settings = {"initial_weights": "model", "loss": CROSSENTROPY, "epochs": 1, "verbose": 0}
    # At inputs of zero nothing else moves the kernels.
    record = train_grid(model, 0 * X, LABELS, strengths=(0.0,), optimizer=optimizer, **settings)
    changed = [
        np.any(value != before)
        for value, before in zip(record.values(0.0), model.get_weights(), strict=True)
    ]
    assert changed == [False, True, True, True]


def test_a_variable_with_a_prox_that_has_a_loop():
    model = mlp(first=GroupLasso(0.05), last=regularizers.L1(0.01))
    record = classified(model, epochs=5, strengths=(0.01, 0.2, 0.6), jit_compile=True)
    kernel = record.weights.query("variable == 'dense/kernel' and epoch == 5")
    assert kernel["n_zero"].max() % 5 == 0 < kernel["n_zero"].max()


def test_a_grid_of_one():
    classified(mlp(), strengths=(0.3,))


@pytest.mark.parametrize("batch_size", [43, 16, 50, 1])
def test_batches_of_any_size(batch_size):
    classified(mlp(), batch_size=batch_size, epochs=2, jit_compile=True)


def test_the_first_epoch_of_a_relu_network():
    classified(mlp("relu", last="l1"), epochs=1, jit_compile=True)


def test_a_relu_network_ends_within_the_spread_of_reruns():
    """Rounding parts runs where a weight crosses a kink; the losses stay as near as reruns do."""
    model, settings = mlp("relu", last="l1"), {"loss": CROSSENTROPY, "epochs": 40}
    settings["batch_size"] = 16
    record = train_grid(
        model, X, LABELS, strengths=[0.001, 0.01], optimizer=adam(), verbose=0, **settings
    )
    start, random = fresh_values(model, 0), np.random.default_rng(0)
    reruns = []
    for run in range(5):
        # Each rerun starts a rounding error away from the first.
        values = [v * (1 + 1e-7 * run * random.choice([-1, 1], v.shape)) for v in start]
        alone = copy_with(model, [v.astype("float32") for v in values], 0.01)
        result = train(alone, X, LABELS, optimizer=adam(), seed=0, jit_compile=False, **settings)
        reruns.append(curve_of(result, epoch=40))
    spread = max(reruns) - min(reruns)
    # Of a few runs the spread is known to a factor only, and may be a unit in the last place.
    allowed = 3 * spread + 1e-6
    assert abs(curve(record, strength=0.01)[-1] - np.mean(reruns)) <= allowed
    assert spread < 0.05 * np.mean(reruns)


# Layers


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


def test_several_inputs_outputs_losses_and_weights():
    first, second = keras.Input((5,), name="first"), keras.Input((4,), name="second")
    shared = layers.Dense(4, "tanh", kernel_regularizer="l2")
    both = layers.Concatenate()([shared(first), layers.Dense(3, "tanh")(second), shared(first)])
    outputs = {
        "label": layers.Dense(3, "softmax", name="label", kernel_regularizer="l1")(both),
        "value": layers.Dense(1, name="value")(both),
    }
    model = keras.Model({"first": first, "second": second}, outputs)
    compared(
        model,
        {"first": X, "second": WORDS.astype("float32")},
        {"label": LABELS, "value": TARGETS},
        optimizer=adam,
        loss={"label": CROSSENTROPY, "value": keras.losses.Huber()},
        # A plain graph of `train` does not know the size of a batch, and Keras then weights the
        # short one as a full one.
        alone={"jit_compile": True},
    )


def test_inputs_in_a_tuple():
    first, second = keras.Input((5,)), keras.Input((4,))
    both = layers.Concatenate()([first, second])
    model = keras.Model((first, second), layers.Dense(3, "softmax", kernel_regularizer="l1")(both))
    classified(model, (X, WORDS.astype("float32")))


@pytest.mark.parametrize("shape", [(N,), (N, 1)])
def test_sample_weights(shape):
    weights = RANDOM.uniform(0.1, 3, size=shape).astype("float32")
    # Not Adam, which divides by the size of a gradient: where that is all but zero, it magnifies
    # the rounding of sums in another order.
    validation_data = (X, LABELS, weights[::-1])
    classified(mlp(), optimizer=plain, sample_weight=weights, validation_data=validation_data)


@pytest.mark.parametrize("optimizer", [plain, lambda: optimizers.ProximalSGD(0.1)])
def test_constraints(optimizer):
    constraint = keras.constraints.MaxNorm(0.4)
    model = mlp(kernel_constraint=constraint, bias_constraint=keras.constraints.NonNeg())
    record = classified(model, optimizer=optimizer)
    norms = np.linalg.norm(record.values(0.05)[0], axis=0)
    np.testing.assert_array_less(norms, 0.4 + 1e-6)


def test_frozen_layers_stay_as_they_are():
    model = mlp(first="l1", last="l1")
    model.layers[0].trainable = False
    record = classified(model)
    expected = fresh_values(model, 0)
    np.testing.assert_array_equal(record.values(0.5)[-2], expected[-2])


@keras.saving.register_keras_serializable(package="test_grid")
class Subclassed(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.hidden = layers.Dense(6, "tanh", kernel_regularizer="l2")
        self.out = layers.Dense(3, "softmax", kernel_regularizer="l1")

    def call(self, x):
        return self.out(self.hidden(x))

    def get_config(self):
        return {}


def test_a_subclassed_model():
    model = Subclassed()
    model(X[:1])
    classified(model)


@keras.saving.register_keras_serializable(package="test_grid")
class AddsLoss(layers.Layer):
    """Adds a loss that is nobody's penalty, and counts in how many traces it was called."""

    traces = 0

    def call(self, x):
        AddsLoss.traces += 1
        self.add_loss(0.1 * ops.mean(ops.square(x)))
        return x


def with_added_loss():
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, "tanh", kernel_regularizer="l2"),
            AddsLoss(),
            layers.Dense(3, "softmax", kernel_regularizer="l1"),
        ]
    )


def test_what_a_layer_adds_to_the_loss_has_no_strength():
    record = classified(with_added_loss(), check_both=True)
    ends = [curve(record, "penalty/adds_loss", strength=s) for s in (0.0, 0.5)]
    assert np.all(ends[0] > 0)


def test_a_model_that_a_proximal_optimizer_has_trained_before():
    model = mlp(first="l1")
    model.compile(adam(), CROSSENTROPY)
    model.fit(X, LABELS, verbose=0)
    classified(model)
    classified(model, optimizer=plain)


def squared(y_true, y_pred):
    return ops.mean(ops.square(ops.cast(y_true, "float32") - y_pred), axis=-1)


def largest(y_true, y_pred):
    """Of the batch, so that a sample that only fills it must not be in it."""
    return ops.max(ops.abs(y_pred))


@pytest.mark.parametrize(
    "loss",
    [lambda: squared, lambda: keras.losses.MeanSquaredError(reduction="sum"), keras.losses.Dice],
    ids=["function", "sum", "Dice"],
)
def test_losses_that_are_not_a_mean_of_keras(loss):
    compared(
        keras.Sequential([keras.Input((5,)), layers.Dense(1, "sigmoid", kernel_regularizer="l1")]),
        X,
        (TARGETS > 0).astype("float32"),
        optimizer=lambda: optimizers.ProximalSGD(0.02),
        loss=loss(),
        alone={"loss": loss()},
    )


@pytest.mark.parametrize(
    "metrics",
    [
        lambda: ["accuracy", "mae", keras.metrics.AUC(20, name="auc")],
        lambda: [largest, keras.metrics.R2Score(name="r2")],
    ],
    ids=["means", "others"],
)
def test_metrics(metrics):
    compared(
        keras.Sequential([keras.Input((5,)), layers.Dense(1, "sigmoid", kernel_regularizer="l1")]),
        X,
        (TARGETS > 0).astype("float32"),
        optimizer=adam,
        loss="binary_crossentropy",
        metrics=metrics(),
        alone={"metrics": metrics()},
        check_both=True,
    )


def test_sequences_whose_loss_leaves_out_what_is_masked():
    model = keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            layers.Embedding(7, 3, mask_zero=True, embeddings_regularizer="l2"),
            layers.Dense(1),
        ]
    )
    y = RANDOM.normal(size=(N, 4, 1)).astype("float32")
    compared(model, WORDS, y, optimizer=plain, loss="mse")


def test_images_as_targets():
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(1, 3, padding="same", kernel_regularizer="l1")]
    )
    # As many rows as samples in a batch, where weights of another shape would be taken for others.
    compared(model, IMAGES, IMAGES[:, ::-1], optimizer=adam, loss="mse", batch_size=6)


def test_numbers_of_double_precision():
    keras.config.set_floatx("float64")
    try:
        classified(mlp(last="l1"), X.astype("float64"), optimizer=plain)
    finally:
        keras.config.set_floatx("float32")
        # Asked for the first time within this test, it has become float64, and would stay so.
        keras.config.set_dtype_policy("float32")


HIDDEN = layers.ActivityRegularization(l2=1.0)


class Hides(layers.Layer):
    """Calls a layer that neither it nor the model has among its layers."""

    def call(self, x):
        return HIDDEN(x)


def test_a_loss_that_fit_does_not_see_is_no_part_of_the_loss_and_takes_no_name():
    dense = [layers.Dense(n, kernel_regularizer="l2") for n in (6, 3)]
    model = keras.Sequential([keras.Input((5,)), dense[0], Hides(), dense[1]])
    settings = {"loss": "mse", "metrics": (), "optimizer": adam}
    record = compared(model, X, np.eye(3, dtype="float32")[LABELS], **settings)
    assert {"penalty/dense/kernel", "penalty/dense_1/kernel"} < set(record.curves["quantity"])


# Models that are not built


@pytest.mark.parametrize("kind", ["sequential", "subclassed", "dataset"])
def test_a_model_that_is_not_built_yet_is_built_for_batches_of_any_length(kind):
    import tensorflow as tf

    def unbuilt():
        if kind == "subclassed":
            return Subclassed()
        return keras.Sequential([layers.Dense(3, "softmax", kernel_regularizer="l1")])

    settings = {"strengths": STRENGTHS, "optimizer": adam(), "loss": CROSSENTROPY, "epochs": 2}
    settings |= {"jit_compile": False, "verbose": 0, "initial_weights": "model", "batch_size": 16}
    model, data = unbuilt(), (X, LABELS)
    if kind == "dataset":
        data = (tf.data.Dataset.from_tensor_slices((X, LABELS)).batch(16),)
    assert not model.built
    record = train_grid(model, *data, **settings)
    assert model(X).shape == (N, 3)
    again = train_grid(model, *data, **settings)
    for strength in STRENGTHS:
        for value, expected in zip(record.values(strength), again.values(strength), strict=True):
            np.testing.assert_array_equal(value, expected)
