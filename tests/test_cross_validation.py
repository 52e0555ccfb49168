"""Cross-validation against scikit-learn, NumPy and single runs."""

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LassoCV
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit

if keras.backend.backend() != "tensorflow":
    pytest.skip("the grid needs TensorFlow", allow_module_level=True)

from kerasreg.cross_validation import CrossValidation, cross_validate
from kerasreg.optimizers import ProximalSGD
from kerasreg.strength_range import largest_strength
from kerasreg.training import train


def linear_model(n_features, strength=1.0, name=None):
    dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(strength), name=name)
    return keras.Sequential([keras.Input((n_features,)), dense])


def noisy(n=60, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 5)).astype(np.float32)
    return x, (x[:, 0] + random.normal(size=n)).astype(np.float32)


# Without XLA: what is compiled is the grid, which tests/grid compares with and without it.
SETTINGS = {"loss": "mse", "epochs": 30, "batch_size": 64, "verbose": 0, "jit_compile": False}


def test_the_alpha_of_lasso_cv():
    x, y = load_diabetes(return_X_y=True)
    x, y = (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean()) / y.std()
    curvature = 2 * np.linalg.eigvalsh(x.T @ x / len(x))[-1]
    found = cross_validate(
        linear_model(10), x.astype(np.float32), y.astype(np.float32), folds=KFold(5),
        optimizer=ProximalSGD(float(1 / curvature), momentum=0.9, nesterov=True),
        loss="mse", epochs=400, batch_size=len(x), n_strengths=60, verbose=0,
    )  # fmt: skip
    expected = LassoCV(alphas=found.strengths / 2, cv=KFold(5), tol=1e-8).fit(x, y)
    at = np.searchsorted(found.strengths, found.select("min") * 0.999)
    at_expected = np.searchsorted(found.strengths, 2 * expected.alpha_ * 0.999)
    assert abs(at - at_expected) <= 1
    # The whole surface, not only its lowest point.
    ours = found.scores.query("split == 'validation' and quantity == 'data_loss'")
    ours = ours.pivot(index="strength", columns="fold", values="value").sort_index(ascending=False)
    np.testing.assert_allclose(ours, expected.mse_path_, rtol=1e-3)


@pytest.fixture(scope="module")
def crossed():
    x, y = noisy()
    return cross_validate(
        linear_model(5), x, y, folds=4, strengths=[0.01, 0.1, 0.5, 3.0], seeds=(0, 1),
        optimizer=ProximalSGD(0.1), metrics=["mae"], **SETTINGS,
    )  # fmt: skip


def test_the_summary_is_that_of_the_scores(crossed):
    scores = crossed.scores
    assert list(scores.columns) == ["strength", "fold", "seed", "split", "quantity", "value"]
    assert len(scores) == 4 * 4 * 2 * 2 * 5
    chosen = scores.query("strength == 0.5 and split == 'validation' and quantity == 'mae'")
    by_fold = chosen.pivot(index="fold", columns="seed", values="value").to_numpy().mean(axis=1)
    row = crossed.summary.query("strength == 0.5 and split == 'validation' and quantity == 'mae'")
    assert row["mean"].item() == pytest.approx(by_fold.mean())
    assert row["standard_error"].item() == pytest.approx(by_fold.std(ddof=1) / 2)
    assert row["n_folds"].item() == 4


def with_scores(means, errors, quantity="data_loss"):
    """A cross-validation of two folds with given means and standard errors."""
    rows = [
        (strength, fold, 0, "validation", quantity, mean + sign * error)
        for strength, mean, error in zip([0.1, 1.0, 10.0, 100.0], means, errors, strict=True)
        for fold, sign in enumerate((-1, 1))
    ]
    columns = ["strength", "fold", "seed", "split", "quantity", "value"]
    table = pd.DataFrame(rows, columns=columns).assign(epoch=1, diverged=False)

    class Grid:
        curves = table

    return CrossValidation(Grid(), None)


@pytest.mark.parametrize(
    ("means", "errors", "quantity", "mode", "smallest", "one_error"),
    [
        ([3.0, 1.0, 2.0, 4.0], [0.5, 0.5, 0.5, 0.5], "data_loss", None, 1.0, 1.0),
        ([3.0, 1.0, 2.0, 4.0], [0.0, 1.0, 0.0, 0.0], "data_loss", None, 1.0, 10.0),
        ([1.0, 1.0, 1.0, 4.0], [0.0, 0.0, 0.0, 0.0], "data_loss", None, 0.1, 10.0),
        ([0.6, 0.9, 0.8, 0.7], [0.0, 0.1, 0.0, 0.0], "accuracy", None, 1.0, 10.0),
        ([0.6, 0.9, 0.8, 0.5], [0.0, 0.1, 0.0, 0.1], "accuracy", "min", 100.0, 100.0),
        ([np.nan, 1.0, 2.0, 0.5], [0, 1.5, 0, 0.1], "loss", None, 100.0, 100.0),
    ],
)
def test_the_rules_choose(means, errors, quantity, mode, smallest, one_error):
    found = with_scores(means, errors, quantity)
    assert found.select("min", quantity, mode) == smallest
    assert found.select("one_standard_error", quantity, mode) == one_error


def test_where_all_diverged_nothing_is_chosen():
    with pytest.raises(ValueError, match="No strength can be chosen: at each of them a member"):
        with_scores([np.nan] * 4, [0] * 4).select()


def test_a_rule_or_quantity_that_is_not_there_is_named(crossed):
    with pytest.raises(ValueError, match="Invalid value for argument `rule`: expected one of"):
        crossed.select("1se")
    with pytest.raises(ValueError, match="Invalid value for argument `quantity`: expected one of"):
        crossed.select(quantity="accuracy")
    with pytest.raises(ValueError, match="Invalid value for argument `mode`"):
        crossed.select(mode="best")


def test_a_refit_is_the_model_trained_on_all_samples(crossed):
    x, y = noisy()
    model = crossed.refit("min", seed=1)
    strength = crossed.select("min")
    keras.utils.set_random_seed(1)
    alone = linear_model(5, strength)
    settings = SETTINGS | {"optimizer": ProximalSGD(0.1), "seed": 0}
    del settings["verbose"]
    train(alone, x, y, **settings)
    for ours, expected in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5)
    assert model.layers[0].kernel_regularizer.get_config() == {"l1": pytest.approx(strength)}
    assert set(model.evaluate(x, y, verbose=0, return_dict=True)) == {"loss", "mae"}


def test_a_member_is_trained_on_its_fold_alone_and_validated_on_the_rest(crossed):
    x, y = noisy()
    pairs = crossed.grid.folds
    for fold in (0, 3):
        rows, held_out = pairs[fold]
        keras.utils.set_random_seed(0)
        alone = linear_model(5, 0.1)
        result = train(
            alone, x[rows], y[rows], optimizer=ProximalSGD(0.1), loss="mse", epochs=30,
            batch_size=64, seed=0, validation_data=(x[held_out], y[held_out]),
        )  # fmt: skip
        for ours, expected in zip(
            crossed.grid.values(0.1, fold, 0), alone.get_weights(), strict=True
        ):
            np.testing.assert_allclose(ours, expected, atol=1e-5)
        expected = result.curves.query("epoch == 30 and quantity == 'data_loss'")
        ours = crossed.scores.query(
            "strength == 0.1 and fold == @fold and seed == 0 and quantity == 'data_loss'"
        )
        np.testing.assert_allclose(ours["value"], expected["value"], rtol=1e-5)


def test_groups_and_time_series():
    x, y = noisy()
    groups = np.repeat(np.arange(12), 5)
    common = {"strengths": [0.1], "optimizer": "sgd", **SETTINGS, "epochs": 1}
    found = cross_validate(linear_model(5), x, y, folds=GroupKFold(3), groups=groups, **common)
    for rows, held_out in found.grid.folds:
        assert not set(groups[rows]) & set(groups[held_out])
    # Folds that grow need programs for one shape only.
    found = cross_validate(linear_model(5), x, y, folds=TimeSeriesSplit(4), **common)
    assert [rows.max() < held_out.min() for rows, held_out in found.grid.folds] == [True] * 4
    assert found.scores["value"].notna().all()


def test_a_warm_start_keeps_folds_together():
    x, y = noisy(61)  # folds of two sizes
    common = {"strengths": [0.01, 0.1], "optimizer": ProximalSGD(0.3), **SETTINGS, "epochs": 40}
    warm = cross_validate(linear_model(5), x, y, folds=4, warm_start=True, **common)
    cold = cross_validate(linear_model(5), x, y, folds=4, **common)
    # A convex problem, trained to its minimum, ends at the same place.
    pd.testing.assert_frame_equal(
        warm.grid.coefficients, cold.grid.coefficients, check_exact=False, atol=1e-4
    )
    refit = warm.refit("min")
    assert np.isfinite(refit.get_weights()[0]).all()


def test_a_warm_start_validates_each_fold_on_all_that_it_holds_out():
    x, y = noisy()
    rows = np.arange(60)
    # Trained on as many rows, validated on a few and on two batches.
    folds = [(rows[:20], rows[50:]), (rows[20:40], rows[:20]), (rows[30:50], rows[20:30])]
    common = {"strengths": [0.1], "optimizer": "sgd", **SETTINGS, "epochs": 2, "batch_size": 8}
    found = [
        cross_validate(linear_model(5), x, y, folds=folds, warm_start=warm, **common)
        for warm in (True, False)
    ]
    assert found[0].scores["value"].notna().all()
    np.testing.assert_allclose(found[0].scores["value"], found[1].scores["value"], rtol=1e-5)


def test_a_cross_validation_draws_itself(crossed):
    axes = crossed.plot(quantity="mae")
    assert axes.get_ylabel() == "mae"


def test_hostile_folds_are_refused_before_training():
    x, y = noisy()
    common = {"strengths": [0.1], "loss": "mse", "verbose": 0}
    with pytest.raises(ValueError, match="folds"):
        cross_validate(linear_model(5), x, y, folds=100, **common)
    with pytest.raises(ValueError, match="Arrays of different length"):
        cross_validate(linear_model(5), x, y[:-1], **common)


@pytest.mark.parametrize(("quantity", "mode"), [("penalty", None), ("data_loss", "max")])
def test_a_refit_is_at_the_strength_that_its_quantity_and_mode_choose(crossed, quantity, mode):
    chosen = crossed.select("min", quantity, mode)
    assert chosen != crossed.select("min")
    model = crossed.refit("min", quantity, mode)
    assert model.layers[0].kernel_regularizer.get_config() == {"l1": pytest.approx(chosen)}


def test_the_ratio_of_the_strengths_that_are_found():
    x, y = noisy()
    settings = SETTINGS | {"epochs": 1, "jit_compile": False}
    found = cross_validate(
        linear_model(5), x, y, folds=2, n_strengths=3, min_ratio=0.25, **settings
    )
    largest = largest_strength(linear_model(5), x, y, optimizer="adam", loss="mse", epochs=1)
    np.testing.assert_allclose(found.strengths, largest * np.array([0.25, 0.5, 1]), rtol=1e-12)
