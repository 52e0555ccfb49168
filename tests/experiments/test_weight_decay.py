"""The members of the experiment's one network are what separate networks would be."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("kerasreg.training needs the TensorFlow backend", allow_module_level=True)

from kerasreg import datasets, training


def alone(name, penalty, decay, rate):
    """The network of one member, with Keras's own L2 and weight decay."""
    regularizer = keras.regularizers.L2(decay / 2) if penalty == "l2" else None
    look = {"kernel_regularizer": regularizer}
    hidden = keras.layers.Dense(32, activation="tanh", **look)
    model = keras.Sequential([keras.Input((64,)), hidden, keras.layers.Dense(10, **look)])
    options = {} if penalty == "l2" else {"weight_decay": decay}
    if name == "Adam":
        kind = keras.optimizers.Adam if penalty == "l2" else keras.optimizers.AdamW
        optimizer = kind(rate, **options)
    else:
        momentum = 0.9 if name == "SGD, momentum" else 0.0
        optimizer = keras.optimizers.SGD(rate, momentum=momentum, **options)
    if options:
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    return model, optimizer


@pytest.mark.parametrize("penalty", ["l2", "weight decay"])
@pytest.mark.parametrize("name", ["SGD", "SGD, momentum", "Adam"])
def test_members_are_trained_as_if_alone(name, penalty):
    from experiments.member_loss import sum_over_members
    from experiments.weight_decay import Settings, members

    settings, rate = Settings(seeds=(3, 5), decays=(0.0, 0.3)), 0.01
    data = [datasets.digits(seed=seed) for seed in settings.seeds]
    options = {"epochs": 10, "batch_size": 25, "seed": 0, "jit_compile": False}
    x = np.stack([part.x_train[:100] for part in data], axis=1)
    y = np.stack([part.y_train[:100] for part in data], axis=1)
    start = members.initial_weights(settings)
    model, optimizer, _ = members.network(settings, name, penalty)
    model.set_weights(start)
    optimizer.learning_rate.assign(rate)
    loss = sum_over_members
    y_each = np.repeat(y[:, None], 2, axis=1)
    training.train(model, x, y_each, optimizer=optimizer, loss=loss, **options)

    network, its_optimizer = alone(name, penalty, decay=0.3, rate=rate)
    network.set_weights([weights[1, 1] for weights in start])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    training.train(network, x[:, 1], y[:, 1], optimizer=its_optimizer, loss=loss, **options)
    for together, apart in zip(model.get_weights(), network.get_weights(), strict=True):
        # The same sums in another order: a few units in the last place of float32, and Adam
        # divides by the root of a square that starts at zero.
        np.testing.assert_allclose(together[1, 1], apart, rtol=0, atol=1e-5)
