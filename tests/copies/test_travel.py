"""Models and objects as text and arrays, which another process makes models of again."""

import json
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from keras import ops

from kerasreg.copies import copy_with, fresh_values, variables_of
from kerasreg.optimizers import ProximalSGD
from kerasreg.packing import packed, packed_object, unpacked, unpacked_object
from kerasreg.variables import values_of
from tests.copies.models import (
    TRAVELLERS,
    Drawn,
    Own,
    assert_equal,
    branched,
    fingerprint,
    mlp,
    own_layers,
    penalties,
    subclassed,
    with_lambda,
)

# Keras's TensorFlow backend calls np.array on variables, which TensorFlow 2.21 has not learnt.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("build", TRAVELLERS)
def test_a_model_comes_back_from_text_and_arrays(build):
    model = build()
    before = fingerprint(model)
    parts = packed(model)
    for part in parts.values():
        assert isinstance(part, str) or all(type(value) is np.ndarray for value in part)
    back = unpacked(parts)
    assert type(back) is type(model)
    assert not back.compiled
    assert_equal(
        [values_of(v) for v in variables_of(back)], [values_of(v) for v in variables_of(model)]
    )
    assert penalties(back) == penalties(model)
    assert fingerprint(model) == before


def test_strengths_travel_also_where_the_config_does_not_mention_them():
    model = subclassed()
    copied = copy_with(model, fresh_values(model, 0), 0.5)
    assert penalties(unpacked(packed(copied))) == penalties(copied) != penalties(model)


def test_a_compiled_state_stays_at_home():
    model = mlp()
    model.compile("sgd", lambda y, p: ops.mean((y - p) ** 2))
    assert not unpacked(packed(model)).compiled
    assert model.compiled


def test_own_layers_that_are_not_registered_do_not_travel():
    with pytest.raises(ValueError) as error:
        packed(own_layers())
    assert str(error.value) == (
        "The model 'sequential' cannot be sent to another process: the class 'Own' is not "
        'registered. Put `@keras.saving.register_keras_serializable(package="own")` before the '
        "definition of each class and function of your own, in a module that the workers import too"
    )
    with (
        keras.saving.custom_object_scope({"Own": Own, "Drawn": Drawn}),  # workers have no scope
        pytest.raises(ValueError, match="the class 'Own' is not registered"),
    ):
        packed(own_layers())


def test_lambdas_do_not_travel():
    for action in (lambda: packed(with_lambda()), lambda: packed_object(lambda y, p: y - p)):
        with pytest.raises(ValueError) as error:
            action()
        assert "cannot be sent to another process: a Python lambda is in it. Put" in str(
            error.value
        )
        assert "\n" not in str(error.value)


def not_registered(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred))


@keras.saving.register_keras_serializable(package="test_copies")
def registered(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred))


class NoConfig:
    def __call__(self, y_true, y_pred):
        return ops.mean(y_true - y_pred)


def test_objects_come_back():
    for thing in (None, "mse", registered, keras.losses.mean_squared_error, ["mse", registered]):
        assert unpacked_object(packed_object(thing)) == thing
    assert unpacked_object(packed_object({"x": registered})) == {"x": registered}
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    for thing in (
        keras.losses.Huber(delta=2.0),
        keras.metrics.TopKCategoricalAccuracy(k=2),
        ProximalSGD(0.1, momentum=0.5),
        keras.optimizers.Adam(schedule),
    ):
        back = unpacked_object(packed_object(thing))
        assert type(back) is type(thing)
        assert back.get_config() == thing.get_config()


def test_objects_that_do_not_travel():
    for thing, reason in (
        (not_registered, "the function 'not_registered' is not registered"),
        (keras.metrics.MeanMetricWrapper(not_registered), "'not_registered' is not registered"),
        (NoConfig(), "Cannot serialize object"),
        ({"x": not_registered}, "the function 'not_registered' is not registered"),
    ):
        with pytest.raises(ValueError) as error:
            packed_object(thing)
        message = str(error.value)
        assert "cannot be sent to another process" in message
        assert reason in message
        assert "`@keras.saving.register_keras_serializable(" in message
        assert "\n" not in message


def test_in_another_process(tmp_path):
    model = branched()
    copied = copy_with(model, fresh_values(model, 0), 0.5)
    parts = packed(copied)
    np.savez(tmp_path / "values.npz", *parts.pop("values"))
    (tmp_path / "texts.json").write_text(json.dumps(parts))
    program = """
        import json, sys
        import numpy as np
        from kerasreg.packing import unpacked
        folder = sys.argv[1]
        with np.load(folder + "/values.npz") as arrays:
            values = [arrays[name] for name in arrays.files]
        parts = json.loads(open(folder + "/texts.json").read())
        model = unpacked({**parts, "values": values})
        x = [np.ones((2, 5), "float32")] * 2
        print([float(v) for v in np.ravel(model(x)["x"])], [float(v) for v in model.losses])
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    outputs = copied([np.ones((2, 5), "float32")] * 2)["x"]
    expected = [[float(v) for v in np.ravel(outputs)], [float(v) for v in copied.losses]]
    assert result.stdout.strip().splitlines()[-1] == "{} {}".format(*expected)
