"""Models made anew with the same seed, and a comparison bit for bit."""

import keras
import numpy as np

CROSSENTROPY = "sparse_categorical_crossentropy"
STRENGTHS = (0.001, 0.01, 0.1)


def anew(make):
    keras.utils.clear_session()
    keras.utils.set_random_seed(7)
    return make()


def check_equal(found, again):
    """That tables and arrays are equal to the bit, whatever is NaN too."""
    assert found.keys() == again.keys() and found
    for name, value in found.items():
        if isinstance(value, np.ndarray):
            assert value.dtype == again[name].dtype, name
            assert value.tobytes() == again[name].tobytes(), name
        else:
            assert value.to_csv(float_format="%.17g") == again[name].to_csv(float_format="%.17g")
