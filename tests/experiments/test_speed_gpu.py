"""The measurements on a GPU, with the settings of a moment, on whatever JAX has."""

import keras
import pytest


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="measures Keras's JAX backend")
def test_the_gpu_experiment_runs_on_whatever_jax_has():
    from experiments import speed_gpu

    tables = speed_gpu.run(speed_gpu.QUICK).tables
    assert set(tables["bars"]["limit"]) == {1, 2, 1.1}
    differences = tables["agreement"].set_index("quantity")["value"]
    assert differences["prox of ElasticNet: largest difference from NumPy's"] < 1e-6
    assert speed_gpu.missing() in ("", "a GPU that JAX can use")
