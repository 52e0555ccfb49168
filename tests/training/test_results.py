"""Second calls, tables, divergence, fallbacks and event files of `train`."""

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
from kerasreg.training import TrainingDiverged, train
from tests.training.models import (
    CROSSENTROPY,
    TARGETS,
    X,
    Y,
    curve,
    largest_difference,
    regularized,
    sequential,
    smooth,
    trained,
)


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
