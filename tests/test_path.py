"""The path and its range of strengths, against scikit-learn, the LARS paper and single runs."""

import inspect

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import lars_path, lasso_path

if keras.backend.backend() != "tensorflow":
    pytest.skip("the grid needs TensorFlow", allow_module_level=True)

import tensorflow as tf

from kerasreg.cross_validation import cross_validate
from kerasreg.grid import train_grid
from kerasreg.optimality import strength_max
from kerasreg.optimizers import ProximalAdam, ProximalSGD
from kerasreg.path import regularization_path
from kerasreg.regularizers import MCP
from kerasreg.strength_range import largest_strength
from kerasreg.tables import WEIGHT_MEASURES
from kerasreg.training import train

FEATURES = ("age", "sex", "bmi", "map", "tc", "ldl", "hdl", "tch", "ltg", "glu")


@pytest.fixture(scope="module")
def diabetes():
    x, y = load_diabetes(return_X_y=True)
    x, y = (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean()) / y.std()
    return x.astype(np.float32), y.astype(np.float32)


# Without XLA, with which and without which tests/grid compares the members of a grid.
QUIET = {"verbose": 0, "jit_compile": False}


def linear_model(n_features=10, regularizer=None):
    regularizer = regularizer or keras.regularizers.L1(1.0)
    dense = keras.layers.Dense(1, kernel_regularizer=regularizer)
    return keras.Sequential([keras.Input((n_features,)), dense])


def accelerated(x):
    """Proximal gradient descent with the largest step that is safe for mean squared error."""
    curvature = 2 * np.linalg.eigvalsh(x.T.astype(float) @ x / len(x))[-1]
    return ProximalSGD(float(1 / curvature), momentum=0.9, nesterov=True)


@pytest.fixture(scope="module")
def lasso(diabetes):
    x, y = diabetes
    settings = {"optimizer": accelerated(x), "loss": "mse", "epochs": 400, "batch_size": len(x)}
    return regularization_path(linear_model(), x, y, verbose=0, **settings)


def kernel_of(path, name="dense/kernel"):
    """Shape (n_strengths, n_weights), from the largest strength down."""
    chosen = path.coefficients.query("variable == @name")
    wide = chosen.pivot(index="strength", columns="index", values="value")
    return wide.sort_index(ascending=False).to_numpy()


def tanh_model(regularizer=keras.regularizers.L1):
    layers = [
        keras.Input((6,)),
        keras.layers.Dense(8, "tanh", kernel_regularizer=regularizer(1.0), name="hidden"),
        keras.layers.Dense(1, kernel_regularizer=regularizer(1.0), name="output"),
    ]
    return keras.Sequential(layers)


def wave(n=96):
    random = np.random.default_rng(5)
    x = random.normal(size=(n, 6)).astype(np.float32)
    return x, np.sin(x[:, 0] - x[:, 1]).astype(np.float32)


def test_the_lasso_path_is_scikit_learns(diabetes, lasso):
    x, y = diabetes
    # The objective of scikit-learn is half of Keras's mean squared error.
    alphas, expected, _ = lasso_path(
        x.astype(float),
        y.astype(float),
        alphas=lasso.strengths[::-1] / 2,
        tol=1e-10,
        max_iter=10**5,
    )
    assert len(alphas) == 100
    ours = kernel_of(lasso)
    np.testing.assert_allclose(ours, expected.T, atol=1e-4)  # the aim is 1e-3
    same_support = ((ours != 0) == (expected.T != 0)).all(axis=1)
    assert same_support.sum() >= 98


def test_features_enter_in_the_order_of_the_lars_paper(lasso):
    # Efron, Hastie, Johnstone & Tibshirani, Least angle regression (2004), figure 1, whose
    # variables are numbered from 1: 3, 9, 4, 7, 2, 10, 5, 8, 6, 1.
    ours = kernel_of(lasso)
    first = [np.flatnonzero(column)[0] for column in ours.T]
    order = sorted(range(10), key=lambda index: first[index])
    assert order == [2, 8, 3, 6, 1, 9, 4, 7, 5, 0]


def test_knots_are_those_of_lars_within_a_step(diabetes, lasso):
    x, y = diabetes
    alphas, active, _ = lars_path(x.astype(float), y.astype(float), method="lasso")
    strengths = lasso.strengths[::-1]
    ours = kernel_of(lasso)
    step = strengths[0] / strengths[1]
    entered: set[int] = set()
    _, _, coefficients = lars_path(x.astype(float), y.astype(float), method="lasso")
    for at in range(len(alphas) - 1):
        new = set(np.flatnonzero(coefficients[:, at + 1])) - entered
        for index in new:
            expected = 2 * alphas[at]
            if expected >= strengths[-1]:
                found = strengths[np.flatnonzero(ours[:, index])[0]]
                assert 1 / step**1.01 <= found / expected <= 1.001
        entered |= new
    assert len(active) == 10


def test_without_strengths_a_path_begins_where_everything_is_zero(lasso):
    ours = kernel_of(lasso)
    assert len(lasso.strengths) == 100
    np.testing.assert_allclose(lasso.strengths[0] / lasso.strengths[-1], 1e-3)
    assert np.abs(ours[0]).max() < 1e-5
    assert np.abs(ours[1]).max() > 1e-3


@pytest.mark.parametrize("optimizer", [ProximalAdam(1e-2), ProximalSGD(0.1)])
def test_a_deep_path_begins_where_everything_is_zero(optimizer):
    x, y = wave()
    settings = {"optimizer": optimizer, "loss": "mse", "epochs": 40, **QUIET}
    path = regularization_path(tanh_model(), x, y, n_strengths=20, min_ratio=1e-2, **settings)
    last = path.weights.query("epoch == 40 and variable in ['hidden/kernel', 'output/kernel']")
    left = last.assign(left=last["n_weights"] - last["n_zero"]).groupby("strength")["left"].sum()
    assert left.iloc[-1] == 0
    assert left.iloc[0] > 0
    # A tenth of where it begins leaves something: the beginning is not far too high.
    assert left[left.index <= path.strengths[-1] / 10].gt(0).all()
    # Nor is it where a path has few strengths, which would be decades apart over the whole range.
    few = largest_strength(tanh_model(), x, y, n_strengths=3, **settings)
    assert path.strengths[-1] / 2 < few < path.strengths[-1] * 2


@pytest.mark.parametrize("regularizer", [keras.regularizers.L1, keras.regularizers.L2])
def test_the_range_where_nothing_becomes_zero_shrinks_the_weights(regularizer):
    x, y = wave()
    settings = {"optimizer": keras.optimizers.Adam(1e-2), "loss": "mse", "epochs": 60, **QUIET}
    largest = largest_strength(tanh_model(regularizer), x, y, n_strengths=25, **settings)
    path = regularization_path(
        tanh_model(regularizer), x, y, strengths=[largest * 1e-6, largest], **settings
    )
    last = path.weights.query("epoch == 60 and variable != 'output/bias'")
    norms = last.groupby("strength")["l2_norm"].sum()
    assert norms.iloc[1] < 0.2 * norms.iloc[0]


def test_the_range_of_l2_in_one_layer_is_found_by_training(diabetes):
    x, y = diabetes
    model = linear_model(regularizer=keras.regularizers.L2(1.0))
    settings = {"optimizer": ProximalSGD(0.1), "loss": "mse", "epochs": 20, "verbose": 0}
    assert 1 < largest_strength(model, x, y, batch_size=442, **settings) < 1e4


def test_the_range_is_the_same_for_a_dataset_and_for_a_model_that_is_not_built_yet():
    x, y = wave()
    settings = {"optimizer": ProximalSGD(0.1), "loss": "mse", "epochs": 5, "verbose": 0}
    settings |= {"batch_size": len(x), "jit_compile": False}
    largest = largest_strength(tanh_model(), x, y, **settings)
    model = tanh_model()
    again = keras.Sequential(
        [type(layer).from_config(layer.get_config()) for layer in model.layers]
    )
    assert not again.built
    assert largest_strength(again, x, y, **settings) == largest
    whole = tf.data.Dataset.from_tensor_slices((x, y)).batch(len(x))
    assert largest_strength(tanh_model(), whole, **settings) == pytest.approx(largest, rel=1e-6)


def test_the_range_with_a_penalty_of_activities_is_found_by_training(diabetes):
    """At zero weights its gradient is that of the bias too: no formula."""
    x, y = diabetes
    model = linear_model(regularizer=keras.regularizers.L1(1.0))
    exact = strength_max(model, x, y, "mse")
    settings = {"optimizer": ProximalSGD(0.1), "loss": "mse", "epochs": 20, "verbose": 0}
    model.layers[-1].activity_regularizer = keras.regularizers.L2(1e-9)
    found = largest_strength(model, x, y, batch_size=442, **settings)
    assert exact < found < 5 * exact


def test_a_model_without_penalties_has_no_path():
    x, y = wave()
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="has no penalties, so there is no path"):
        regularization_path(model, x, y, loss="mse")


def test_a_path_in_a_nonconvex_strength_is_not_the_penalty_times_a_number():
    """MCP at strength s is MCP(s, γ): large weights are not shrunk at all."""
    random = np.random.default_rng(0)
    x = np.linalg.qr(random.normal(size=(64, 4)))[0].astype(np.float32) * 8  # xᵀx/n = 1
    y = (x @ np.array([3.0, 0, 0, 0])).astype(np.float32)
    model = linear_model(4, MCP(1.0, gamma=3.0))
    settings = {"optimizer": ProximalSGD(0.4), "loss": "mse", "epochs": 200, "batch_size": 64}
    path = regularization_path(model, x, y, strengths=[0.5], verbose=0, **settings)
    np.testing.assert_allclose(kernel_of(path)[0], [3, 0, 0, 0], atol=1e-4)


def test_the_model_of_a_strength_is_an_ordinary_keras_model(diabetes, lasso, tmp_path):
    x, y = diabetes
    strength = lasso.strengths[40]
    model = lasso.model(strength)
    assert model.layers[0].kernel_regularizer.get_config() == {"l1": pytest.approx(strength)}
    loss = lasso.curves.query("strength == @strength and quantity == 'loss'")["value"].iloc[-1]
    # The curve has the mean over the last epoch's one step, taken before it; by then it rests.
    assert model.evaluate(x, y, batch_size=len(x), verbose=0) == pytest.approx(loss, rel=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert loaded.layers[0].kernel_regularizer.get_config() == {"l1": pytest.approx(strength)}
    with pytest.raises(ValueError, match=r"There is no member with strength=0\.1, fold=0, seed=3"):
        lasso.model(0.1, seed=3)


def test_the_users_model_and_optimizer_stay_as_they_were():
    x, y = wave()
    model, optimizer = tanh_model(), ProximalAdam(1e-2)
    model.compile("sgd", "mae")
    before = [np.array(value) for value in model.get_weights()]
    regularizers = [variable.regularizer for variable in model.trainable_variables]
    compiled = model.optimizer
    regularization_path(
        model, x, y, strengths=[0.1], optimizer=optimizer, loss="mse", epochs=1, verbose=0
    )
    assert model.optimizer is compiled
    assert not optimizer.built
    assert [variable.regularizer for variable in model.trainable_variables] == regularizers
    for value, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)


def test_a_warm_start_goes_on_from_the_next_smaller_strength():
    x, y = wave()
    strengths = [0.001, 0.01, 0.1]
    settings = {"loss": "mse", "epochs": 4, "batch_size": 32, **QUIET}
    path = regularization_path(
        tanh_model(), x, y, strengths=strengths[::-1], seeds=(0, 7), warm_start=True,
        optimizer=ProximalSGD(0.1), **settings,
    )  # fmt: skip
    for seed in (0, 7):
        keras.utils.set_random_seed(seed)
        values = tanh_model().get_weights()
        for strength in strengths:
            model = tanh_model(lambda _, s=strength: keras.regularizers.L1(s))
            model.set_weights(values)
            train(model, x, y, optimizer=ProximalSGD(0.1), seed=0, **settings)
            values = model.get_weights()
            for ours, alone in zip(path.grid.values(strength, 0, seed), values, strict=True):
                np.testing.assert_allclose(ours, alone, atol=1e-5)
                np.testing.assert_array_equal(ours == 0, alone == 0)


def test_the_tables_of_a_path():
    x, y = wave()
    path = regularization_path(
        tanh_model(), x, y, strengths=[0.1, 0.2], seeds=[3, 4], optimizer="sgd", loss="mse",
        metrics=["mae"], epochs=2, validation_data=(x, y), verbose=0,
    )  # fmt: skip
    curves = path.curves
    assert list(curves.columns) == [
        "strength", "seed", "epoch", "split", "quantity", "value", "diverged",
    ]  # fmt: skip
    assert curves["quantity"].unique().tolist() == [
        "loss", "data_loss", "penalty", "penalty/hidden/kernel", "penalty/output/kernel", "mae",
    ]  # fmt: skip
    assert len(curves) == 2 * 2 * 2 * 2 * 6
    wide = curves.pivot(
        index=["strength", "seed", "epoch", "split"], columns="quantity", values="value"
    )
    np.testing.assert_allclose(wide["loss"], wide["data_loss"] + wide["penalty"], rtol=1e-6)
    assert list(path.weights.columns) == [
        *("strength", "seed", "epoch", "variable", "n_weights"), *WEIGHT_MEASURES, "diverged",
    ]  # fmt: skip
    assert path.coefficients.groupby(["strength", "seed"]).size().tolist() == [65] * 4
    kernel = path.grid.values(0.2, seed=4)[0]
    row = path.coefficients.query(
        "strength == 0.2 and seed == 4 and variable == 'hidden/kernel' and index == 9"
    )
    assert row["value"].item() == pytest.approx(kernel[1, 1])
    measured = path.weights.query(
        "strength == 0.2 and seed == 4 and variable == 'hidden/kernel' and epoch == 2"
    ).iloc[0]
    assert measured["l1_norm"] == pytest.approx(np.abs(kernel).sum(), rel=1e-5)
    assert measured["max_abs"] == np.abs(kernel).max()


def test_a_path_draws_itself(lasso):
    assert lasso.plot().get_xlabel()
    x, y = wave()
    wide = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(40, kernel_regularizer="l1"), keras.layers.Dense(1)]
    )
    path = regularization_path(wide, x, y, strengths=[1, 2], loss="mse", epochs=1, **QUIET)
    assert path.plot().get_xlabel()


def test_without_a_terminal_there_is_no_progress_bar(capsys):
    x, y = wave()
    regularization_path(tanh_model(), x, y, strengths=[1.0], loss="mse", epochs=1)
    assert capsys.readouterr() == ("", "")
    regularization_path(tanh_model(), x, y, strengths=[1, 2], loss="mse", epochs=3, verbose=1)
    shown = capsys.readouterr().err
    assert "2 members × 3 epochs: 100%" in shown


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strengths": []}, "at least one strength"),
        ({"strengths": [0.1, 0.1]}, r"expected each strength once, not \[0.1\]"),
        ({"strengths": [-1.0]}, "Invalid value for argument `strengths`: expected a finite float"),
        ({"strengths": [np.nan]}, "Invalid value for argument `strengths`"),
        ({"strengths": "abc"}, "Invalid value for argument `strengths`: expected a sequence"),
        ({"strengths": [1], "seeds": 3}, "Invalid value for argument `seeds`: expected a sequence"),
        ({"strengths": [1], "seeds": [0, 0]}, "at least one seed, and each once"),
        ({"strengths": [1], "chunk_size": 0}, "Invalid value for argument `chunk_size`"),
        ({"strengths": [1], "n_jobs": 0}, "Invalid value for argument `n_jobs`"),
        ({"strengths": [1], "initial_weights": "zero"}, 'expected "seed" or "model"'),
        ({"strengths": [1], "epochs": 0}, "Invalid value for argument `epochs`"),
        ({"strengths": [1], "optimizer": "adamm"}, "Invalid value for argument `optimizer`"),
        ({"n_strengths": 1}, "Invalid value for argument `n_strengths`: expected an int >= 2"),
        ({"min_ratio": 1.0}, "Invalid value for argument `min_ratio`"),
        ({"strengths": [1], "verbose": 5}, "Invalid value for argument `verbose`"),
    ],
)
def test_bad_settings_are_refused_in_one_line(settings, message):
    x, y = wave()
    with pytest.raises(ValueError, match=message) as caught:
        regularization_path(tanh_model(), x, y, **{"loss": "mse"} | settings)
    assert "\n" not in str(caught.value)


def test_an_unknown_setting_is_named():
    x, y = wave()
    with pytest.raises(TypeError, match="unexpected keyword argument 'stregths'"):
        regularization_path(tanh_model(), x, y, strengths=[1], loss="mse", stregths=[1])


def test_weights_of_the_model_are_where_all_members_start_if_asked():
    x, y = wave()
    model = tanh_model()
    start = {"strengths": [0.0, 1.0], "optimizer": keras.optimizers.SGD(0.0), "epochs": 1}
    path = regularization_path(
        model, x, y, initial_weights="model", seeds=[1, 2], loss="mse", verbose=0, **start
    )
    for seed in (1, 2):
        for value, own in zip(path.grid.values(1.0, 0, seed), model.get_weights(), strict=True):
            np.testing.assert_array_equal(value, own)
    fresh = regularization_path(model, x, y, seeds=[1], loss="mse", verbose=0, **start)
    assert not np.array_equal(fresh.grid.values(1.0, seed=1)[0], model.get_weights()[0])
    assert isinstance(fresh.members, pd.DataFrame)


def test_what_is_left_out_of_a_call_is_the_same_in_all_of_them():
    def defaults(function):
        given = inspect.signature(function).parameters.values()
        return {each.name: each.default for each in given if each.default is not each.empty}

    grid = defaults(train_grid)
    paths, folds = defaults(regularization_path), defaults(cross_validate)
    for name in ("n_strengths", "min_ratio"):
        assert paths[name] == folds[name]
    for function in (train, regularization_path, cross_validate):
        own = {name: value for name, value in defaults(function).items() if name in grid}
        own.pop("folds", None)  # a cross-validation has some
        assert len(own) >= 9
        assert own == {name: grid[name] for name in own}
