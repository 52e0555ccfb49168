"""The update as one program, for large kernels and on several devices."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from kerasreg import proximal_optimizer
from kerasreg.optimizers import ProximalAdam
from tests.optimizers import proximal_reference as reference
from tests.optimizers.linear_model import (
    OPTIMIZERS,
    PENALTIES,
    START,
    N,
    X,
    Y,
    assert_same,
    compiled,
    custom_loop,
    expected,
    fit,
    linear,
)
from tests.optimizers.proximal_reference import least_squares, minimize, no_prox


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_update_compiled_by_itself_has_the_same_numbers(name, monkeypatch):
    programs = []

    def counted(update, compile_update=proximal_optimizer._compiled):
        programs.append(update)
        return compile_update(update)

    monkeypatch.setattr(proximal_optimizer, "_compiled", counted)
    monkeypatch.setattr(proximal_optimizer, "_COMPILED_FROM", 1)
    model, optimizer = linear(PENALTIES["L1L2"][0]), OPTIMIZERS[name].make()
    optimizer.build(model.trainable_variables)
    weights = custom_loop(model, optimizer, 12)
    assert programs
    assert_same(weights, expected(name, proxes=[PENALTIES["L1L2"][1], no_prox]))


@pytest.mark.tensorflow
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_large_kernel(run_eagerly):
    random = np.random.default_rng(2)
    wide = random.normal(size=(N, 2**16), scale=0.01).astype("float32")
    start = [random.normal(size=(2**16, 1)).astype("float32"), np.zeros(1)]
    model = compiled(ProximalAdam(0.05), start=start, run_eagerly=run_eagerly)
    model.optimizer.build(model.trainable_variables)
    # A gradient with a sum over 65536 terms rounds by some 1e-6, and v̂ by its square.
    found = fit(model, 3, wide)
    wanted = expected("adam", 3, start=start, x=wide)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)


ON_TWO_DEVICES = """
    import json, keras, numpy as np, tensorflow as tf
    devices = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(devices[0], two)
    from kerasreg.optimizers import ProximalAdam, ProximalSGD
    data = np.load({data!r})
    x, y = data["x"], data["y"]
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    found = {{}}

    def build():
        dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1L2(0.2, 0.3))
        model = keras.Sequential([keras.Input((5,)), dense])
        model.set_weights([data["kernel"], np.zeros(1)])
        return model

    def run(name, make):
        with strategy.scope():
            model, optimizer = build(), make()
            model.compile(optimizer, "mse", jit_compile=False)
        try:
            model.fit(x, y, batch_size=len(x), epochs=12, verbose=0, shuffle=False)
        except RuntimeError as error:
            found[name] = str(error)
        else:
            found[name] = [w.tolist() for w in model.get_weights()]

    run("adam", lambda: ProximalAdam(0.05))
    run("clipnorm", lambda: ProximalSGD(0.1, clipnorm=0.3))
    run("loss_scaling", lambda: keras.optimizers.LossScaleOptimizer(ProximalSGD(0.1)))

    def loop(name, with_penalties):
        with strategy.scope():
            model, optimizer = build(), ProximalSGD(0.1)
            optimizer.build(model.trainable_variables)

        def replica_step(x, y):
            with tf.GradientTape() as tape:
                loss = keras.ops.mean((model(x) - y) ** 2)
                loss = (loss + sum(model.losses) if with_penalties else loss) / 2
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)

        @tf.function
        def step(x, y):
            strategy.run(replica_step, args=(x, y))

        batches = tf.data.Dataset.from_tensors((x, y)).unbatch().batch(len(x)).repeat(12)
        for x_part, y_part in strategy.experimental_distribute_dataset(batches):
            step(x_part, y_part)
        found[name] = [w.tolist() for w in model.get_weights()]

    loop("loop", True)
    loop("loop_without_penalties", False)
    print(json.dumps(found))
"""


def on_two_devices(data):
    """The weights that each case of ON_TWO_DEVICES ends with; one process for all of them."""
    np.savez(data, x=X, y=Y, kernel=START[0])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ON_TWO_DEVICES.format(data=str(data)))],
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.tensorflow
def test_two_devices_have_the_weights_of_one(tmp_path):
    # One test, as TensorFlow has to start anew for a second device, and one start takes all cases.
    found = on_two_devices(tmp_path / "data.npz")
    proxes = [PENALTIES["L1L2"][1], no_prox]
    wanted = {name: expected(name, proxes=proxes) for name in ("adam", "sgd")}
    for case in ("adam", "loss_scaling", "loop", "loop_without_penalties"):
        assert isinstance(found[case], list), found[case]
        assert_same(found[case], wanted["adam" if case == "adam" else "sgd"])

    # Keras clips before the sum over devices; what is clipped is the data gradient.
    halves = [least_squares(X[: N // 2], Y[: N // 2]), least_squares(X[N // 2 :], Y[N // 2 :])]
    clip = reference.by_norm(0.3)

    def gradients(arrays):
        parts = [clip([g / 2 for g in half(arrays)]) for half in halves]
        return [sum(pair) for pair in zip(*parts, strict=True)]

    clipped = minimize(START, gradients, proxes, reference.SGD, rate=0.1, steps=12)
    assert_same(found["clipnorm"], clipped)
