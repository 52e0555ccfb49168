"""L½, written as README tells a user to, in all that kerasreg does with a penalty.

Its slope is infinite at zero, so that zero is stationary at every strength > 0.
"""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasreg.callbacks import RegularizationMonitor
from kerasreg.optimality import stationarity, strength_max
from kerasreg.optimizers import ProximalAdam, ProximalSGD
from tests.regularizers import brute_force
from tests.regularizers.cases import compiled, decades, float64, numpy, random_weights
from tests.regularizers.root_penalty import RootPenalty, formula

QUIET = {"verbose": 0, "jit_compile": False}


def noisy_data(n=64, d=6):
    """Three features of six matter."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d)).astype("float32")
    return x, x[:, :3] @ np.array([2.0, -1.0, 1.0], "float32") + 0.1 * x[:, 3]


def linear(strength, optimizer=None, d=6):
    dense = layers.Dense(1, kernel_regularizer=RootPenalty(strength), name="dense")
    model = keras.Sequential([keras.Input((d,)), dense], name="linear")
    if optimizer is not None:
        model.compile(optimizer, "mse")
    return model


# What it answers


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_strength_makes_zero_stationary(dtype):
    with float64():
        grad = ops.cast([0.1, -2.0, 0.0, 1e3], dtype)
        zero = ops.zeros_like(grad)
        assert float(RootPenalty(0.3).strength_max(grad)) == 0
        for strength in (None, 1e-30, 1e-3, 1e30):
            distance = numpy(RootPenalty(0.3).subdiff_distance(zero, grad, strength=strength))
            np.testing.assert_array_equal(distance, 0)
        at_none = numpy(RootPenalty(0.3).subdiff_distance(zero, grad, strength=0.0))
        np.testing.assert_array_equal(at_none, np.abs(numpy(grad)))


def test_the_strength_may_be_a_tensor_in_a_compiled_program():
    penalty = RootPenalty()
    program = compiled(
        lambda s, w, grad: (penalty.subdiff_distance(w, grad, s), penalty.strength_max(grad)), True
    )
    w, grad = np.array([0.0, 0.25], "float32"), np.array([3.0, -0.5], "float32")
    for strength, expected in ((0.0, [3.0, 0.5]), (0.5, [0.0, 0.0]), (1.0, [0.0, 0.5])):
        distance, largest = program(*map(ops.convert_to_tensor, (np.float32(strength), w, grad)))
        np.testing.assert_allclose(numpy(distance), expected, 1e-6)
        assert float(largest) == 0


def test_its_prox_is_the_global_minimizer():
    rng = np.random.default_rng(0)
    for _ in range(20):
        w, steps, strength = random_weights(rng, 100), decades(rng, -4, 3, 100), decades(rng, -4, 3)
        expected = brute_force.prox(lambda u: formula(u, strength), w, steps)  # noqa: B023
        with float64():
            u = numpy(RootPenalty(strength).prox(w, steps))
            distance = numpy(RootPenalty(strength).subdiff_distance(u, (u - w) / steps))
        np.testing.assert_array_equal(u == 0, expected == 0)
        # The accuracy of brute force, see there.
        assert (np.abs(u - expected) <= 1e-7 * np.sqrt(np.abs(w * expected))).all()
        assert (distance <= 1e-14 * np.abs(w) / steps).all()  # one rounding, divided by the step


# What is trained with it


@pytest.mark.parametrize(
    "optimizer",
    # Steps of Adam stay as long as its rate.
    [
        lambda: ProximalSGD(0.1),
        lambda: ProximalAdam(keras.optimizers.schedules.CosineDecay(0.1, 400)),
    ],
    ids=["sgd", "adam"],
)
def test_training_ends_in_exact_zeros_at_a_stationary_point(optimizer, tmp_path):
    x, y = noisy_data()
    model, monitor = linear(0.2, optimizer()), RegularizationMonitor()
    model.layers[-1].kernel.assign(np.ones((6, 1)))  # where it ends depends on where it starts
    model.fit(x, y, batch_size=64, epochs=400, verbose=0, callbacks=[monitor])
    kernel = numpy(model.layers[-1].kernel).ravel()
    np.testing.assert_array_equal(kernel == 0, [False, False, False, True, True, True])
    (row,) = stationarity(model, x, y, "mse").query("variable == 'dense/kernel'").itertuples()
    # The gradient is a float32 mean of 64 products, and training has an end.
    assert (row.n_zero, row.distance_max < 1e-3) == (3, True)
    last = monitor.weights.query("epoch == 400 and variable == 'dense/kernel'").iloc[0]
    assert last["n_zero"] == 3
    curves = monitor.curves.query("epoch == 400").set_index("quantity")["value"]
    # The penalty of an epoch is that before its one step.
    assert curves["penalty"] == pytest.approx(formula(kernel, 0.2).sum(), rel=1e-4)

    model.save(tmp_path / "root.keras")
    again = keras.saving.load_model(tmp_path / "root.keras")
    assert again.layers[-1].kernel_regularizer.get_config() == {"strength": 0.2}
    np.testing.assert_array_equal(numpy(again.layers[-1].kernel).ravel(), kernel)
    again.fit(x, y, batch_size=64, epochs=1, verbose=0)
    np.testing.assert_array_equal(numpy(again.layers[-1].kernel).ravel() == 0, kernel == 0)


def test_the_largest_strength_of_a_model_says_that_all_do():
    x, y = noisy_data()
    assert strength_max(linear(0.2), x, y, "mse") == 0
    assert strength_max(linear(0.0), x, y, "mse") == np.inf  # a penalty of strength 0 does nothing


@pytest.mark.tensorflow
def test_a_path_begins_where_training_leaves_nothing():
    from kerasreg.path import regularization_path

    x = noisy_data()[0]
    y = x @ np.array([2.0, -1.0, 1.0, 0.5, 0.5, -0.5], "float32")  # every feature matters
    settings = {"optimizer": ProximalSGD(0.1), "loss": "mse", "epochs": 40, "batch_size": 64}
    path = regularization_path(linear(1.0), x, y, n_strengths=12, **settings, **QUIET)
    last = path.weights.query("epoch == 40 and variable == 'dense/kernel'").set_index("strength")
    assert last["n_zero"].iloc[-1] == 6
    assert last["n_zero"].iloc[0] == 0
    assert 0.1 < path.strengths[-1] < 100  # the data are of order one


@pytest.mark.tensorflow
def test_cross_validation_chooses_a_strength():
    from kerasreg.cross_validation import cross_validate

    x, y = noisy_data()
    settings = {"optimizer": ProximalSGD(0.1), "loss": "mse", "epochs": 20, "batch_size": 64}
    found = cross_validate(linear(1.0), x, y, folds=2, n_strengths=5, **settings, **QUIET)
    chosen = found.select("min")
    assert 1e-4 < chosen < 100
    largest = found.select("one_standard_error")
    assert largest >= chosen


@pytest.mark.tensorflow
@pytest.mark.parametrize("targets", [0.0, 3.0])
def test_constant_targets_have_no_path(targets):
    from kerasreg.strength_range import largest_strength

    x = noisy_data()[0]
    with pytest.raises(ValueError, match="Every strength makes the penalized weights of the model"):
        largest_strength(
            linear(1.0), x, np.full(len(x), targets), optimizer="sgd", loss="mse", epochs=1
        )


# What an audit says of it


@pytest.mark.parametrize("strength", [0.02, 0.2, 50.0])
def test_an_audit_does_not_take_stationary_zeros_for_the_end_of_training(strength):
    from kerasreg.surgery import audit

    x, y = noisy_data()
    stack = [
        keras.Input((6,)),
        layers.Dense(8, "tanh", kernel_regularizer=RootPenalty(strength), name="hidden"),
        layers.Dense(1),
    ]
    model = keras.Sequential(stack)
    model.compile(ProximalSGD(0.05), "mse")
    found = audit(model, x, y).warnings
    assert "all_zero" not in set(found["warning"])


def test_an_audit_says_where_the_data_loss_does_not_depend_on_the_weights():
    from kerasreg.surgery import audit

    x, y = noisy_data()
    model = linear(0.2, ProximalSGD(0.05))
    (row,) = audit(model, 0 * x, y).warnings.itertuples()
    assert (row.where, row.warning) == ("dense/kernel", "all_zero")
    assert "the data loss does not depend on dense/kernel here" in row.explanation
