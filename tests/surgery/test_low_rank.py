import keras
import numpy as np
import pytest
from keras import layers

from kerasreg.surgery.factoring import low_rank

# NumPy's way with TensorFlow's variables.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")


def matrix(n, m, singular_values, seed=0):
    rng = np.random.default_rng(seed)
    u, _ = np.linalg.qr(rng.normal(size=(n, len(singular_values))))
    v, _ = np.linalg.qr(rng.normal(size=(m, len(singular_values))))
    return (u * singular_values) @ v.T


def values(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_the_smallest_rank_within_the_tolerance():
    dense = layers.Dense(20, activation="relu", name="dense", kernel_regularizer="l2")
    model = keras.Sequential([keras.Input((30,)), dense, layers.Dense(2, name="out")])
    dense.set_weights([matrix(30, 20, [12.0, 4.0, 3.0]), np.arange(20.0)])  # ‖W‖ = 13
    for tolerance, rank, error in ((0.2, 3, 0.0), (0.3, 2, 3 / 13), (0.39, 1, 5 / 13)):
        result = low_rank(model, tolerance)
        row = result.ranks.set_index("layer").loc["dense"]
        assert row["rank"] == rank
        assert row["error"] == pytest.approx(error, abs=1e-6)
        factor, rest = result.model.get_layer("dense_factor"), result.model.get_layer("dense")
        product = values(factor.kernel) @ values(rest.kernel)
        distance = np.linalg.norm(product - values(dense.kernel)) / 13
        assert distance == pytest.approx(error, abs=1e-6)
        assert row["parameters_after"] == factor.count_params() + rest.count_params()
        assert row["parameters"] == dense.count_params() == 620
    assert not result.model.losses and model.losses
    np.testing.assert_array_equal(values(rest.bias), np.arange(20.0))


def test_outputs_stay_where_the_rank_is_exact():
    inputs = keras.Input((4, 30))
    shared = layers.Dense(30, name="shared")
    x = layers.Add()([shared(inputs), shared(shared(inputs))])
    inner = keras.Sequential([keras.Input((4, 30)), layers.Dense(25, name="b")], name="inner")
    x = layers.GlobalAveragePooling1D()(inner(x))
    model = keras.Model(inputs, layers.Dense(2, name="out")(x))
    shared.set_weights([matrix(30, 30, [2.0, 1.0]), np.ones(30)])
    inner.layers[0].set_weights([matrix(30, 25, [2.0]), np.ones(25)])
    result = low_rank(model, 1e-5)
    assert result.ranks["layer"].tolist() == ["shared", "inner/b", "out"]
    assert result.ranks["rank"].tolist() == [2, 1, 2]
    assert result.ranks["parameters_after"].tolist() == [120 + 30, 55 + 25, 52]
    assert result.model.count_params() == 120 + 30 + 55 + 25 + 52
    x = np.random.default_rng(1).normal(size=(5, 4, 30)).astype("float32")
    expected = values(model(x))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(values(result.model(x)), expected, atol=1e-5 * scale)


def test_a_layer_stays_where_factors_are_not_smaller():
    model = keras.Sequential([keras.Input((10,)), layers.Dense(10, name="dense")])
    model.layers[0].set_weights([matrix(10, 10, np.ones(5)), np.zeros(10)])  # 5·20 = 100
    result = low_rank(model, 0.1)
    assert [layer.name for layer in result.model.layers] == ["dense"]
    assert result.ranks[["rank", "error"]].to_numpy().tolist() == [[10, 0.0]]
    np.testing.assert_array_equal(values(result.model.layers[0].kernel), model.layers[0].kernel)


def test_weights_of_zero_have_rank_one():
    model = keras.Sequential([keras.Input((10,)), layers.Dense(10, name="dense")])
    model.layers[0].set_weights([np.zeros((10, 10)), np.ones(10)])
    result = low_rank(model, 0.1)
    np.testing.assert_array_equal(values(result.model(np.ones((1, 10)))), np.ones((1, 10)))
    assert result.ranks[["rank", "error"]].to_numpy().tolist() == [[1, 0.0]]


@pytest.mark.parametrize("tolerance", [0, 1, "small"])
def test_invalid_tolerance(tolerance):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="Invalid value for argument `tolerance`"):
        low_rank(model, tolerance)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.out = layers.Dense(1)

    def call(self, x):
        return self.out(x)


def test_a_subclassed_model_is_refused():
    model = Subclassed()
    model(np.ones((1, 2)))
    with pytest.raises(ValueError, match="cannot be rebuilt with other layers: what Subclassed"):
        low_rank(model, 0.1)
