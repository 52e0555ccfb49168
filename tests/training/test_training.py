import gc
import warnings
import weakref

import keras
import numpy as np
import pytest
from keras import layers, regularizers

if keras.backend.backend() != "tensorflow":
    pytest.skip("kerasreg.training needs the TensorFlow backend", allow_module_level=True)

import tensorflow as tf

from kerasreg import training
from kerasreg.regularizers import ElasticNet
from kerasreg.training import TrainingDiverged, train

RANDOM = np.random.default_rng(0)
N = 75  # two batches of 32 and a short one of 11
X = RANDOM.normal(size=(N, 6)).astype("float32")
Y = RANDOM.integers(0, 3, N)
TARGETS = RANDOM.normal(size=(N, 1)).astype("float32")
IMAGES = RANDOM.normal(size=(N, 8, 8, 1)).astype("float32")
SEQUENCES = RANDOM.normal(size=(N, 5, 3)).astype("float32")
CROSSENTROPY = "sparse_categorical_crossentropy"


def sequential(*stack):
    keras.utils.clear_session()  # the names of layers are compared
    keras.utils.set_random_seed(1)
    return keras.Sequential([make() for make in stack])


def relu_mlp():
    return sequential(
        lambda: keras.Input((6,)),
        lambda: layers.Dense(16, "relu"),
        lambda: layers.Dense(3, "softmax"),
    ), X


def conv_net():
    return sequential(
        lambda: keras.Input((8, 8, 1)),
        lambda: layers.Conv2D(4, 3, activation="relu"),
        lambda: layers.MaxPooling2D(),
        lambda: layers.Flatten(),
        lambda: layers.Dropout(0.3),
        lambda: layers.Dense(3, "softmax"),
    ), IMAGES


def normalized_conv_net():
    return sequential(
        lambda: keras.Input((8, 8, 1)),
        lambda: layers.Conv2D(4, 3, activation="relu"),
        lambda: layers.BatchNormalization(),
        lambda: layers.Flatten(),
        lambda: layers.Dense(3, "softmax", kernel_regularizer=ElasticNet(1e-3)),
    ), IMAGES


def regularized():
    return sequential(
        lambda: keras.Input((6,)),
        lambda: layers.Dense(
            16,
            "relu",
            kernel_regularizer=regularizers.L1(1e-3),
            bias_regularizer=regularizers.L2(1e-2),
            activity_regularizer=regularizers.L1L2(1e-3, 1e-3),
        ),
        lambda: layers.Dense(3, "softmax", activity_regularizer="l2"),
    ), X


def smooth():
    return sequential(
        lambda: keras.Input((6,)),
        lambda: layers.Dense(16, "tanh", kernel_regularizer="l2", activity_regularizer="l2"),
        lambda: layers.Dense(3, "softmax"),
    ), X


def sgd():
    return keras.optimizers.SGD(0.1)


def momentum():
    return keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)


OPTIMIZERS = [
    sgd,
    momentum,
    keras.optimizers.Adam,
    keras.optimizers.AdamW,
    keras.optimizers.RMSprop,
]


def curve(result, quantity="loss", split="train"):
    table = result.curves
    return table[(table["split"] == split) & (table["quantity"] == quantity)]["value"].to_numpy()


def largest_difference(model, other):
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return max(float(np.max(np.abs(a - b))) for a, b in pairs)


def fitted(build, optimizer="adam", epochs=10, **settings):
    model, x = build()
    model.compile(optimizer, CROSSENTROPY, metrics=["accuracy"], jit_compile=False)
    history = model.fit(
        x, Y, epochs=epochs, shuffle=False, verbose=0, validation_data=(x, Y), **settings
    )
    return model, history.history


def trained(build, optimizer="adam", epochs=10, **settings):
    model, x = build()
    settings = {
        "validation_data": (x, Y),
        "jit_compile": False,
        "metrics": ["accuracy"],
        **settings,
    }
    result = train(
        model,
        x,
        Y,
        optimizer=optimizer,
        loss=CROSSENTROPY,
        epochs=epochs,
        shuffle=False,
        **settings,
    )
    return model, result


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("build", [relu_mlp, conv_net, regularized])
def test_graph_repeats_fit_to_the_bit(build, optimizer):
    by_fit, history = fitted(build, optimizer())
    by_train, result = trained(build, optimizer())
    assert largest_difference(by_fit, by_train) == 0.0
    for split, prefix in (("train", ""), ("validation", "val_")):
        for quantity in ("loss", "accuracy"):
            np.testing.assert_array_equal(
                curve(result, quantity, split), history[prefix + quantity], err_msg=quantity
            )


@pytest.mark.parametrize("optimizer", [sgd, keras.optimizers.Adam])
def test_graph_repeats_fit_with_batch_normalization_and_elastic_net(optimizer):
    by_fit, history = fitted(normalized_conv_net, optimizer())
    by_train, result = trained(normalized_conv_net, optimizer())
    # TensorFlow's graph optimizer reorders products differently in a loop: a unit in the last
    # place (1.2e-7 at 1) of gamma, or of a weight under elastic net, from time to time.
    assert largest_difference(by_fit, by_train) < 1e-6
    np.testing.assert_allclose(curve(result), history["loss"], rtol=1e-6)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda make: make.__name__)
def test_xla_repeats_fit_on_a_smooth_model(optimizer):
    by_fit, history = fitted(smooth, optimizer())
    by_train, result = trained(smooth, optimizer(), jit_compile=True)
    # XLA orders sums differently: single roundings of 6e-8, grown over thirty steps.
    assert largest_difference(by_fit, by_train) < 1e-5
    np.testing.assert_allclose(curve(result), history["loss"], rtol=1e-5)


def test_xla_on_a_model_with_kinks_has_the_same_losses():
    _, history = fitted(regularized)
    _, result = trained(regularized, jit_compile=True)
    # A rounding can push a weight across a kink of ReLU or L1, and the runs part.
    np.testing.assert_allclose(curve(result), history["loss"], rtol=1e-3)
    np.testing.assert_allclose(curve(result, split="validation"), history["val_loss"], rtol=1e-3)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_loss_is_data_loss_and_penalties(jit_compile):
    _, result = trained(regularized, jit_compile=jit_compile, epochs=3)
    for split in ("train", "validation"):
        total = curve(result, "data_loss", split) + curve(result, "penalty", split)
        # Roundings of single float32 numbers, 6e-8 each.
        np.testing.assert_allclose(curve(result, "loss", split), total, rtol=1e-6)
    names = set(result.curves["quantity"])
    assert {
        f"penalty/{name}" for name in ("dense/kernel", "dense/bias", "dense", "dense_1")
    } < names


@pytest.mark.parametrize("jit_compile", [False, True])
def test_sample_and_class_weights_as_fit(jit_compile):
    weights = np.linspace(0.0, 2.0, N).astype("float32")
    for settings in ({"sample_weight": weights}, {"class_weight": {0: 0.2, 2: 3.0}}):
        by_fit, history = fitted(smooth, epochs=3, **settings)
        by_train, result = trained(smooth, epochs=3, jit_compile=jit_compile, **settings)
        # To the bit as a graph; XLA rounds differently.
        assert largest_difference(by_fit, by_train) <= (1e-5 if jit_compile else 0.0)
        np.testing.assert_allclose(curve(result), history["loss"], rtol=1e-5)


def test_shuffling_visits_every_sample_once_in_an_order_of_the_seed():
    seen = []

    class Spy(layers.Layer):
        def call(self, inputs):
            tf.py_function(lambda rows: seen.extend(rows.numpy()[:, 0].tolist()), [inputs], [])
            return inputs

    def orders(seed):
        seen.clear()
        model = keras.Sequential([keras.Input((1,)), Spy(), layers.Dense(1)])
        x = np.arange(N, dtype="float32")[:, None]
        train(model, x, x, loss="mse", epochs=2, seed=seed, jit_compile=False)
        return seen[:N], seen[N:]

    first, second = orders(seed=3)
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second
    assert orders(seed=3) == (first, second)
    assert orders(seed=4) != (first, second)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_dataset_gives_the_same_as_arrays(jit_compile):
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    by_arrays, expected = trained(smooth, epochs=3, jit_compile=jit_compile)
    model, _ = smooth()
    result = train(
        model,
        dataset,
        loss=CROSSENTROPY,
        epochs=3,
        jit_compile=jit_compile,
        validation_data=dataset,
        metrics=["accuracy"],
    )
    assert largest_difference(by_arrays, model) <= (1e-6 if jit_compile else 0.0)
    assert (result.curves["quantity"] == expected.curves["quantity"]).all()
    np.testing.assert_allclose(result.curves["value"], expected.curves["value"], rtol=1e-5)


def recurrent():
    return sequential(
        lambda: keras.Input((5, 3)),
        lambda: layers.LSTM(4, kernel_regularizer="l2", recurrent_regularizer="l1"),
        lambda: layers.Dense(3, "softmax"),
    ), SEQUENCES


@pytest.mark.parametrize("build", [recurrent, normalized_conv_net])
def test_recurrent_and_convolutional_models_under_xla(build):
    model, x = build()
    result = train(model, x, Y, loss=CROSSENTROPY, epochs=8, optimizer=keras.optimizers.Adam(0.01))
    assert curve(result)[-1] < curve(result)[0]


def test_several_inputs_and_outputs():
    def build():
        keras.utils.set_random_seed(1)
        a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
        hidden = layers.Dense(5, "tanh", activity_regularizer="l2")(layers.Concatenate()([a, b]))
        outputs = {
            "value": layers.Dense(1, name="value")(hidden),
            "label": layers.Dense(3, "softmax", name="label")(hidden),
        }
        return keras.Model({"a": a, "b": b}, outputs)

    inputs, targets = {"a": X, "b": -X}, {"value": TARGETS, "label": Y}
    losses = {"value": "mse", "label": CROSSENTROPY}
    by_train, by_fit = build(), build()
    result = train(
        by_train, inputs, targets, loss=losses, epochs=3, shuffle=False, jit_compile=False
    )
    by_fit.compile("adam", losses, jit_compile=False)
    history = by_fit.fit(inputs, targets, epochs=3, shuffle=False, verbose=0).history
    assert largest_difference(by_fit, by_train) == 0.0
    np.testing.assert_array_equal(curve(result), history["loss"])


def test_embedding_with_sparse_gradients_and_mixed_precision():
    tokens = RANDOM.integers(0, 9, (N, 4))

    def build():
        return sequential(
            lambda: keras.Input((4,), dtype="int32"),
            lambda: layers.Embedding(9, 3, embeddings_regularizer="l2"),
            lambda: layers.Flatten(),
            lambda: layers.Dense(3, "softmax", dtype="float32"),
        ), tokens

    before = keras.config.dtype_policy()
    try:
        for policy in ("float32", "mixed_float16"):
            keras.config.set_dtype_policy(policy)
            by_fit, history = fitted(build, epochs=2)
            by_train, result = trained(build, epochs=2)
            assert largest_difference(by_fit, by_train) == 0.0
            np.testing.assert_array_equal(curve(result), history["loss"])
    finally:
        keras.config.set_dtype_policy(before)


def test_a_second_call_with_the_same_optimizer_goes_on_without_compiling():
    whole, _ = trained(smooth, keras.optimizers.Adam(), epochs=4)
    model, _ = smooth()
    optimizer = keras.optimizers.Adam()
    for _ in range(2):
        train(
            model,
            X,
            Y,
            optimizer=optimizer,
            loss=CROSSENTROPY,
            epochs=2,
            shuffle=False,
            jit_compile=False,
            validation_data=(X, Y),
            metrics=["accuracy"],
        )
    assert largest_difference(whole, model) == 0.0
    _, programs = vars(model)[training._PROGRAMS]
    assert programs.train_arrays.experimental_get_tracing_count() == 1
    assert programs.evaluate_arrays.experimental_get_tracing_count() == 1


def test_a_model_that_nobody_holds_is_given_back():
    model, _ = trained(smooth, epochs=1)
    held = weakref.ref(model)
    del model
    gc.collect()
    assert held() is None


def test_a_regularizer_that_changed_between_calls_is_noticed():
    model, _ = smooth()
    optimizer = keras.optimizers.Adam()
    settings = {"optimizer": optimizer, "loss": CROSSENTROPY, "epochs": 1, "jit_compile": False}
    train(model, X, Y, **settings)
    model.layers[0].kernel.regularizer = regularizers.L2(10.0)
    result = train(model, X, Y, **settings)
    assert curve(result, "penalty/dense/kernel")[0] > 1.0


def test_model_can_be_evaluated_and_saved_afterwards(tmp_path):
    model, result = trained(smooth, epochs=2, jit_compile=True)
    assert model.evaluate(X, Y, verbose=0, return_dict=True)["loss"] == pytest.approx(
        curve(result, split="validation")[-1], rel=1e-5
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert largest_difference(model, loaded) == 0.0


def test_tables_have_every_epoch_and_variable():
    _, result = trained(regularized, epochs=3)
    assert (
        result.weights.groupby("epoch")["variable"].apply(list).tolist()
        == [["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]] * 3
    )
    totals = result.weight_histograms.groupby(["epoch", "variable"])["count"].sum()
    assert totals.loc[3].to_dict() == {
        "dense/kernel": 96,
        "dense/bias": 16,
        "dense_1/kernel": 48,
        "dense_1/bias": 3,
    }


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("as_dataset", [False, True])
def test_divergence_names_epoch_step_and_variable_and_keeps_the_tables(jit_compile, as_dataset):
    class FailsLater(layers.Layer):
        """Multiplies by infinity from the fifth call of the optimizer on."""

        def call(self, inputs):
            steps = tf.cast(optimizer.iterations, "float32")
            return inputs * tf.where(steps > 3.5, np.inf, 1.0)

    optimizer = keras.optimizers.SGD(0.01)
    model = sequential(
        lambda: keras.Input((6,)),
        lambda: layers.Dense(4, name="first"),
        FailsLater,
        lambda: layers.Dense(1, name="second"),
    )
    x = tf.data.Dataset.from_tensor_slices((X, TARGETS)).batch(32) if as_dataset else X
    y = None if as_dataset else TARGETS
    with pytest.raises(TrainingDiverged) as error:
        train(model, x, y, optimizer=optimizer, loss="mse", epochs=5, jit_compile=jit_compile)
    assert str(error.value) == (
        "Training diverged: the loss is NaN or infinite at epoch 2, step 2, the first variable "
        "concerned is 'first/kernel'. The model has the weights from before this step. Try a "
        "smaller learning rate, or clipnorm"
    )
    assert error.value.result.curves["epoch"].unique().tolist() == [1]
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert int(optimizer.iterations) == 4


def test_model_that_xla_cannot_compile_is_trained_as_a_graph_with_one_warning():
    class PythonInside(layers.Layer):
        def call(self, inputs):
            (doubled,) = (tf.py_function(lambda x: 2 * x, [inputs], tf.float32),)
            return tf.ensure_shape(doubled, inputs.shape)

    def build():
        return sequential(lambda: keras.Input((6,)), PythonInside, lambda: layers.Dense(1))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = train(build(), X, TARGETS, loss="mse", epochs=3, validation_data=(X, TARGETS))
    ours = [str(w.message) for w in caught if "XLA cannot compile" in str(w.message)]
    assert len(ours) == 1
    assert ours[0].endswith("Pass jit_compile=False to start with it")
    assert "\n" not in ours[0]
    assert len(curve(result)) == 3


def test_log_dir_gets_event_files(tmp_path):
    trained(smooth, epochs=1, log_dir=str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"train", "validation"}


class OwnStep(keras.Model):
    def train_step(self, data):
        return {}


def own_step():
    inputs = keras.Input((6,))
    return OwnStep(inputs, layers.Dense(1)(inputs), name="own")


def classifier():
    return sequential(lambda: keras.Input((6,)), lambda: layers.Dense(3, "softmax"))


def with_nan():
    x = X.copy()
    x[4, 2] = np.nan
    return x


BAD_CALLS = {
    "no targets": (
        lambda: train(classifier(), X, loss="mse"),
        "Invalid value for argument `y`: expected an array of targets. Received: y=None",
    ),
    "epochs": (
        lambda: train(classifier(), X, Y, loss=CROSSENTROPY, epochs=0),
        "Invalid value for argument `epochs`: expected an int >= 1. Received: epochs=0",
    ),
    "batch size": (
        lambda: train(classifier(), X, Y, loss=CROSSENTROPY, batch_size=2.5),
        "Invalid value for argument `batch_size`: expected an int >= 1. Received: batch_size=2.5",
    ),
    "seed": (
        lambda: train(classifier(), X, Y, loss=CROSSENTROPY, seed=-1),
        "Invalid value for argument `seed`: expected an int >= 0 or None. Received: seed=-1",
    ),
    "jit_compile": (
        lambda: train(classifier(), X, Y, loss=CROSSENTROPY, jit_compile="yes"),
        'Invalid value for argument `jit_compile`: expected True, False or "auto". '
        "Received: jit_compile='yes'",
    ),
    "own train_step": (
        lambda: train(own_step(), X, TARGETS, loss="mse"),
        "The model 'own' has a `train_step` of its own, which this loop would pass by. Use "
        "model.fit with kerasreg.callbacks.RegularizationMonitor",
    ),
    "validation data": (
        lambda: train(classifier(), X, Y, loss=CROSSENTROPY, validation_data=X),
        "Invalid value for argument `validation_data`: expected (x, y), (x, y, sample_weight) or "
        "a tf.data.Dataset. Received: ndarray",
    ),
    "endless dataset": (
        lambda: train(
            classifier(),
            tf.data.Dataset.from_tensor_slices((X, Y)).batch(8).repeat(),
            loss=CROSSENTROPY,
        ),
        "Invalid value for argument `x`: expected a dataset with at least one batch and an end. "
        "Use `dataset.take(n)` on one that repeats",
    ),
    "targets beside a dataset": (
        lambda: train(
            classifier(),
            tf.data.Dataset.from_tensor_slices((X, Y)).batch(8),
            Y,
            loss=CROSSENTROPY,
        ),
        "Argument `y` has no place beside a tf.data.Dataset, which yields (x, y) or "
        "(x, y, sample_weight)",
    ),
    "NaN in x": (
        lambda: train(classifier(), with_nan(), Y, loss=CROSSENTROPY),
        "Invalid value for argument `x`: expected finite numbers. Received: 1 of 450 are NaN or "
        "infinite, the first at index (4, 2)",
    ),
    "NaN in validation": (
        lambda: train(classifier(), X, Y, loss=CROSSENTROPY, validation_data=(with_nan(), Y)),
        "Invalid value for argument `validation x`: expected finite numbers. Received: 1 of 450 "
        "are NaN or infinite, the first at index (4, 2)",
    ),
    "lengths": (
        lambda: train(classifier(), X, Y[:-1], loss=CROSSENTROPY),
        "Arrays of different length: expected one target and one weight a sample. "
        "Received: len(x)=75, len(y)=74",
    ),
    "empty": (
        lambda: train(classifier(), X[:0], Y[:0], loss=CROSSENTROPY),
        "Invalid value for argument `x`: expected at least one sample. Received: x.shape=(0, 6)",
    ),
    "strings": (
        lambda: train(classifier(), X.astype(str), Y, loss=CROSSENTROPY),
        "Invalid value for argument `x`: expected an array of numbers. "
        f"Received: x={'array of <U32'!r}",
    ),
    "features": (
        lambda: train(classifier(), X[:, :5], Y, loss=CROSSENTROPY),
        "Invalid shape for argument `x`: the model 'sequential' expects (None, 6). "
        "Received: x.shape=(75, 5)",
    ),
    "labels": (
        lambda: train(classifier(), X, Y + 1, loss=CROSSENTROPY),
        "Invalid value for argument `y`: expected whole labels from 0 to 2, for the model has 3 "
        "outputs. Received: labels from 1 to 3",
    ),
    "one-hot for sparse": (
        lambda: train(classifier(), X, np.eye(3)[Y], loss=CROSSENTROPY),
        "Invalid shape for argument `y`: the loss sparse_categorical_crossentropy expects labels "
        "of shape (None,). Received: y.shape=(75, 3)",
    ),
    "labels for one-hot": (
        lambda: train(classifier(), X, Y, loss="categorical_crossentropy"),
        "Invalid shape for argument `y`: the loss categorical_crossentropy expects the shape of "
        "the model's output, (None, 3). Received: y.shape=(75,)",
    ),
    "broadcast targets": (
        lambda: train(classifier(), X, TARGETS, loss="mse"),
        "Invalid shape for argument `y`: the loss mean_squared_error expects the shape of the "
        "model's output, (None, 3). Received: y.shape=(75, 1)",
    ),
    "both weights": (
        lambda: train(
            classifier(), X, Y, loss=CROSSENTROPY, sample_weight=np.ones(N), class_weight={0: 2}
        ),
        "Arguments `sample_weight` and `class_weight` exclude each other: multiply them into one "
        "`sample_weight`",
    ),
    "nothing to train": (
        lambda: train(frozen(), X, Y, loss=CROSSENTROPY),
        "The model 'sequential' has no trainable weights. Set `trainable = True` on the layers "
        "to train",
    ),
}


def frozen():
    model = classifier()
    model.trainable = False
    return model


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls_are_refused_in_one_line_before_the_first_step(name):
    keras.backend.clear_session()
    call, message = BAD_CALLS[name]
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message


def test_not_a_model():
    with pytest.raises(TypeError) as error:
        train("model", X, Y, loss="mse")
    assert str(error.value) == (
        "Invalid type for argument `model`: expected a keras.Model. Received: str"
    )
