"""How a grid runs: chunks, compiled programs, datasets, folds, members that diverge, refusals."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops, regularizers

if keras.backend.backend() != "tensorflow":
    pytest.skip("kerasreg.grid needs the TensorFlow backend", allow_module_level=True)

import tensorflow as tf

from kerasreg import optimizers
from kerasreg.copies import copy_with, fresh_values
from kerasreg.grid import train_grid
from kerasreg.training import train
from kerasreg.variables import values_of
from tests.grid.members import CROSSENTROPY, check_same, compared, curve

RANDOM = np.random.default_rng(1)
N = 43
X = RANDOM.normal(size=(N, 5)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int32") + (X[:, 1] > 0.5)
STRENGTHS = (0.0, 0.01, 0.05, 0.1, 0.3)


@keras.saving.register_keras_serializable(package="test_grid_engine")
class CountsTraces(layers.Layer):
    """Counts in how many traces, and eager calls, it was called."""

    traces = 0

    def call(self, x):
        CountsTraces.traces += 1
        return x


def mlp(*more, regularizer=None):
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(4, "tanh", kernel_regularizer=regularizer or regularizers.L1(0.2)),
            *more,
            layers.Dense(3, "softmax", kernel_regularizer="l2"),
        ]
    )


def grid(model, x=X, y=LABELS, **settings):
    settings = {
        "strengths": STRENGTHS,
        "optimizer": optimizers.ProximalAdam(0.02),
        "loss": CROSSENTROPY,
        "epochs": 3,
        "batch_size": 16,
        "jit_compile": False,  # which starts sooner
        "verbose": 0,
    } | settings
    return train_grid(model, x, y, **settings)


def check_alike(record, other, tolerance):
    for strength in record.strengths:
        for value, expected in zip(record.values(strength), other.values(strength), strict=True):
            np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(
        record.curves["value"], other.curves["value"], rtol=tolerance, atol=tolerance
    )


# Chunks and compiled programs


@pytest.mark.parametrize("chunk_size", [1, 3])
def test_chunks_of_any_size_end_alike(chunk_size):
    settings = {"metrics": ["accuracy"], "validation_data": (X, LABELS), "jit_compile": True}
    together = grid(mlp(), chunk_size=100, **settings)
    check_alike(grid(mlp(), chunk_size=chunk_size, **settings), together, 1e-5)


@pytest.mark.parametrize("folds", [None, 4])
def test_later_epochs_chunks_and_folds_trace_nothing(folds):
    # Folds of 10 and 11 rows; the last chunk of each is filled up.
    settings = {"folds": folds, "chunk_size": 2, "strengths": STRENGTHS}
    counts = []
    for epochs, strengths in ((1, STRENGTHS[:2]), (3, STRENGTHS)):
        CountsTraces.traces = 0
        grid(mlp(CountsTraces()), **(settings | {"epochs": epochs, "strengths": strengths}))
        counts.append(CountsTraces.traces)
    assert counts[0] == counts[1] > 0


def test_another_call_with_the_same_settings_traces_nothing():
    CountsTraces.traces = 0
    # From the weights of the model, as building copies for the seeds calls the layer too.
    model, settings = mlp(CountsTraces()), {"initial_weights": "model"}
    first = grid(model, optimizer=optimizers.ProximalAdam(0.02), **settings)
    traces = CountsTraces.traces
    # Another optimizer of the same settings, whose automatic name differs; other strengths.
    halves = [s / 2 for s in STRENGTHS]
    grid(model, optimizer=optimizers.ProximalAdam(0.02), strengths=halves, **settings)
    again = grid(model, optimizer=optimizers.ProximalAdam(0.02), **settings)
    assert CountsTraces.traces == traces > 0
    check_alike(first, again, 0)
    grid(model, optimizer=optimizers.ProximalAdam(0.01), **settings)
    assert CountsTraces.traces > traces


def test_an_evaluation_is_compiled_as_this_call_asks_and_not_as_the_last_one_did():
    """Or numbers would depend on what was trained before, and a resumed call end otherwise."""
    settings = {"validation_data": (X, LABELS), "jit_compile": True, "strengths": STRENGTHS[:2]}
    model, epochs = mlp(), 120  # as many evaluations as XLA is worth
    grid(model, epochs=2, **settings)
    again, alone = (grid(each, epochs=epochs, **settings) for each in (model, mlp()))
    np.testing.assert_array_equal(again.curves["value"], alone.curves["value"])
    kinds = {key[:2] for key in vars(model)["_kerasreg_grid_programs"][1].trainer._programs}
    assert kinds == {("train", True), ("evaluate", False), ("evaluate", True)}


def test_chunks_are_the_same_whatever_memory_is_free(monkeypatch):
    from kerasreg.grid import chunks

    asked = []
    monkeypatch.setattr(chunks.os, "sysconf", lambda name: asked.append(name) or 2**12)
    small = chunks.sensible_chunk_size(mlp(), optimizers.ProximalAdam(), 2**12, 1000)
    assert asked == ["SC_PHYS_PAGES", "SC_PAGE_SIZE"]
    assert 1 <= small < 1000
    monkeypatch.delattr(chunks.os, "sysconf")  # as on Windows
    assert small < chunks.sensible_chunk_size(mlp(), optimizers.ProximalAdam(), 2**12, 1000)


@pytest.mark.slow
def test_ten_thousand_members():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(1, kernel_regularizer="l1")])
    record = grid(
        model,
        y=X[:, :1],
        strengths=np.linspace(0, 1, 10_000),
        loss="mse",
        epochs=2,
        optimizer=optimizers.ProximalSGD(0.1),
    )
    assert len(record.members) == 10_000
    assert not record.members["diverged"].any()


# Members that diverge


@pytest.mark.parametrize(
    ("regularizer", "optimizer", "huge"),
    [
        (regularizers.L2(1.0), keras.optimizers.SGD(0.1), 1e3),  # w grows until the loss is inf
        (regularizers.L1(1.0), keras.optimizers.SGD(0.1), 3e38),  # the sum of the gradient is inf
        (regularizers.L1(1.0), keras.optimizers.SGD(1e3), 1e36),  # finite gradients, infinite step
        (regularizers.L2(1.0), keras.optimizers.SGD(0.1, use_ema=True), 1e38),
    ],
    ids=["grows", "gradient", "step", "ema"],
)
def test_a_member_that_diverges_keeps_finite_weights_and_leaves_the_others_alone(
    regularizer, optimizer, huge
):
    def trained(largest):
        model = mlp(regularizer=regularizer)
        strengths = (0.0, 1e-5, largest)
        return grid(model, strengths=strengths, optimizer=optimizer, epochs=4, jit_compile=True)

    record, without = trained(huge), trained(2e-5)
    assert record.members["diverged"].tolist() == [False, False, True]
    since = int(record.members["diverged_in"].iloc[-1])
    assert 1 <= since <= 4
    assert np.isnan(curve(record, strength=huge)).tolist() == [e >= since for e in range(1, 5)]
    for value in record.values(huge):
        assert np.isfinite(value).all()
    for strength in (0.0, 1e-5):
        for value, expected in zip(record.values(strength), without.values(strength), strict=True):
            np.testing.assert_array_equal(value, expected)
        np.testing.assert_array_equal(
            curve(record, strength=strength), curve(without, strength=strength)
        )


def test_the_weights_of_a_diverged_member_are_those_before_its_last_step():
    # Two steps: one to huge weights, and one whose loss is infinite.
    model = mlp(regularizer=regularizers.L2(1.0))
    settings = {"optimizer": keras.optimizers.SGD(0.1), "strengths": (1e30,), "shuffle": False}
    record = grid(model, epochs=1, **settings)
    kernel = fresh_values(model, 0)[0]
    np.testing.assert_allclose(record.values(1e30)[0], -0.2e30 * kernel, rtol=1e-5)


# Datasets


def counted(n_reads, batch_size=16):
    def samples():
        n_reads.append(0)
        for x, y in zip(X, LABELS, strict=True):
            n_reads[-1] += 1
            yield x, y

    signature = tf.TensorSpec((5,), tf.float32), tf.TensorSpec((), tf.int32)
    dataset = tf.data.Dataset.from_generator(samples, output_signature=signature)
    return dataset.batch(batch_size)


def test_a_dataset_is_read_once_an_epoch_for_all_chunks():
    reads, held_out = [], []
    record = grid(
        mlp(),
        counted(reads),
        None,
        chunk_size=2,
        epochs=3,
        validation_data=counted(held_out),
        metrics=["accuracy"],
    )
    assert reads == held_out == [N] * 3
    arrays = grid(mlp(), shuffle=False, validation_data=(X, LABELS), metrics=["accuracy"])
    check_alike(record, arrays, 1e-5)


def test_a_dataset_of_weighted_samples_and_blocks_of_several_sizes():
    weights = np.linspace(0.5, 2, N).astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices((X, LABELS, weights)).batch(4)
    record = grid(mlp(), dataset, None, chunk_size=3)
    arrays = grid(mlp(), sample_weight=weights, batch_size=4, shuffle=False)
    check_alike(record, arrays, 1e-5)


# Folds


def test_a_member_of_a_fold_trains_on_its_rows_and_is_validated_on_the_others():
    rows = np.random.default_rng(0).permutation(N)
    pairs = [(rows[at::2], rows[1 - at :: 2]) for at in (0, 1)]  # 22 and 21 rows
    model = mlp()
    record = grid(model, folds=pairs, strengths=(0.01, 0.3), metrics=["accuracy"])
    for fold, (train_rows, held_out) in enumerate(pairs):
        alone = copy_with(model, fresh_values(model, 0), 0.3)
        result = train(
            alone,
            X[train_rows],
            LABELS[train_rows],
            optimizer=optimizers.ProximalAdam(0.02),
            loss=CROSSENTROPY,
            metrics=["accuracy"],
            epochs=3,
            batch_size=16,
            validation_data=(X[held_out], LABELS[held_out]),
            seed=0,
            jit_compile=False,
        )
        check_same(record, 0.3, alone, result, fold=fold)


# Slower ways


@keras.saving.register_keras_serializable(package="test_grid_engine")
class RaisedToNext(layers.Layer):
    """Has an operation that TensorFlow cannot vectorize, and XLA can compile."""

    def call(self, x):
        return x + 0.1 * tf.stop_gradient(tf.math.nextafter(x, 10.0))


@keras.saving.register_keras_serializable(package="test_grid_engine")
class ByText(layers.Layer):
    """Has operations that neither of them can."""

    def call(self, x):
        return x + tf.stop_gradient(0.1 * tf.strings.to_number(tf.strings.as_string(x)))


@pytest.mark.parametrize(
    ("layer", "warned"),
    [
        (RaisedToNext, ["trains one by one, which is slower: TensorFlow cannot vectorize Next"]),
        (
            ByText,
            [
                "trains one by one, which is slower: TensorFlow cannot vectorize AsString",
                "trains as a plain graph, which is slower: XLA cannot compile it",
            ],
        ),
    ],
)
def test_what_cannot_be_vectorized_or_compiled_is_done_in_a_slower_way(layer, warned):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compared(
            mlp(layer()),
            X,
            LABELS,
            jit_compile=True,
            optimizer=lambda: keras.optimizers.SGD(0.1),
            loss=CROSSENTROPY,
        )
    messages = [str(each.message) for each in caught]
    assert len(messages) == len(warned)
    for message, part in zip(messages, warned, strict=True):
        assert part in message
        assert "\n" not in message


# What is refused, and what stays as it was


@pytest.mark.parametrize("name", ["Lamb", "Muon", "Adafactor"])
def test_optimizers_that_mix_weights_are_refused_by_name(name):
    with pytest.raises(ValueError, match=f"cannot use the optimizer {name}: it mixes"):
        grid(mlp(), optimizer=getattr(keras.optimizers, name)(0.1))


def test_loss_scaling_is_refused():
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    with pytest.raises(ValueError, match="cannot use the optimizer LossScaleOptimizer"):
        grid(mlp(), optimizer=optimizer)


@keras.saving.register_keras_serializable(package="test_grid_engine")
class SignDescent(keras.optimizers.Optimizer):
    def update_step(self, gradient, variable, learning_rate):
        step = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, step * ops.sign(gradient))

    def get_config(self):
        return super().get_config()


@keras.saving.register_keras_serializable(package="test_grid_engine")
class NormedDescent(SignDescent):
    def update_step(self, gradient, variable, learning_rate):
        norm = ops.sqrt(ops.sum(ops.square(gradient)))
        super().update_step(gradient / norm, variable, learning_rate)
        self.assign_sub(variable, 1e-3 * gradient / norm)


@keras.saving.register_keras_serializable(package="test_grid_engine")
class HalfAdam(keras.optimizers.Adam):
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, 0.5 * learning_rate)


@pytest.mark.parametrize("optimizer", [SignDescent, HalfAdam])
def test_an_optimizer_of_ones_own_that_is_elementwise(optimizer):
    compared(mlp(), X, LABELS, optimizer=lambda: optimizer(0.01), loss=CROSSENTROPY)


def test_an_optimizer_of_ones_own_that_mixes_weights():
    with pytest.raises(ValueError, match="cannot use the optimizer NormedDescent: it mixes"):
        grid(mlp(), optimizer=NormedDescent(0.1))


def test_model_and_optimizer_stay_as_they_were():
    model = mlp(layers.Dropout(0.5))
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, CROSSENTROPY, metrics=["accuracy"])
    model.fit(X, LABELS, verbose=0)
    model.compute_loss(X, LABELS, model(X))
    before = [values_of(v).copy() for v in (*model.variables, *optimizer.variables)]
    regularized = [variable.regularizer for variable in model.variables]
    losses = [float(loss) for loss in model.losses]
    for own in (optimizer, optimizers.ProximalAdam(0.1, weight_decay=0.1)):
        n_variables = len(own.variables)
        grid(model, optimizer=own, metrics=["accuracy"])
        assert len(own.variables) == n_variables
        assert own.built == (own is optimizer)
    after = [values_of(v).copy() for v in (*model.variables, *optimizer.variables)]
    for value, expected in zip(after, before, strict=True):
        np.testing.assert_array_equal(value, expected)
    assert [variable.regularizer for variable in model.variables] == regularized
    assert model.optimizer is optimizer and model.loss == CROSSENTROPY
    assert [float(loss) for loss in model.losses] == losses


def test_a_grid_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grid(mlp())
