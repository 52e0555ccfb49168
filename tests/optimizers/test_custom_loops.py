"""Training loops of the user's own, and what they must not do."""

import keras
import pytest
from keras import layers, ops, regularizers

from kerasreg.optimizers import (
    ProximalAdam,
    ProximalSGD,
)
from tests.optimizers import proximal_reference as reference
from tests.optimizers.linear_model import (
    BACKEND,
    L1,
    PENALTIES,
    PROGRAM,
    PROX,
    START,
    UNBUILT,
    UNKNOWN,
    X,
    Y,
    assert_identical,
    assert_same,
    custom_loop,
    expected,
    fit,
    linear,
    losses_of,
    weights_of,
)
from tests.optimizers.proximal_reference import least_squares, minimize, no_prox

if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "jax":
    pass


# Loops written by hand


@pytest.mark.parametrize("as_program", [False, True])
@pytest.mark.parametrize("with_penalties", [True, False])
@pytest.mark.parametrize("penalty", ["L1", "L1L2"])
def test_loop_with_and_without_the_penalties_in_its_loss(penalty, with_penalties, as_program):
    regularizer, prox = PENALTIES[penalty]
    model, optimizer = linear(regularizer), ProximalAdam(0.05)
    optimizer.build(model.trainable_variables)
    weights = custom_loop(
        model, optimizer, 12, with_penalties=with_penalties, as_program=as_program
    )
    assert_same(weights, expected("adam", proxes=[prox, no_prox]))


@pytest.mark.tensorflow
def test_unbuilt_optimizer_in_a_compiled_loop():
    model = linear()
    assert_same(custom_loop(model, ProximalAdam(0.05), 12, as_program=True), expected("adam"))
    with pytest.raises(RuntimeError) as caught:
        custom_loop(linear(), ProximalAdam(0.05), with_penalties=False, as_program=True)
    assert str(caught.value) == UNKNOWN.format("it was not built when they were traced")


@pytest.mark.skipif(BACKEND == "jax", reason="stateless_apply of Keras refuses it")
def test_unbuilt_optimizer_in_an_eager_loop_is_refused():
    for with_penalties in (True, False):
        model = linear()
        with pytest.raises(RuntimeError) as caught:
            custom_loop(model, ProximalAdam(), with_penalties=with_penalties)
        assert str(caught.value) == UNBUILT
        assert_identical(weights_of(model), START)
    # It holds no penalties that it could count twice.
    custom_loop(linear(None), ProximalAdam())


def compiled_gradients(model):
    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            loss = losses_of(model, X, Y)
        return tape.gradient(loss, model.trainable_variables)

    return gradients


@pytest.mark.tensorflow
def test_gradients_compiled_apart_from_the_step_are_refused_at_the_second():
    model, optimizer = linear(), ProximalSGD(0.1)
    optimizer.build(model.trainable_variables)

    gradients = compiled_gradients(model)

    optimizer.apply(gradients(), model.trainable_variables)
    assert_same(weights_of(model), expected(steps=1))
    with pytest.raises(RuntimeError) as caught:
        optimizer.apply(gradients(), model.trainable_variables)
    assert str(caught.value) == UNKNOWN.format(
        "the penalty of 'sequential/dense/kernel' was in earlier ones and is not in these, unless "
        "they were compiled apart from it; put both into one tf.function"
    )
    assert_same(weights_of(model), expected(steps=1))


@pytest.mark.tensorflow
def test_gradients_and_step_in_two_programs():
    model, optimizer = linear(), ProximalSGD(0.1)
    optimizer.build(model.trainable_variables)

    gradients = compiled_gradients(model)

    @tf.function
    def apply(slopes):
        optimizer.apply(slopes, model.trainable_variables)

    for _ in range(12):
        apply(gradients())
    assert_same(weights_of(model), expected())


@pytest.mark.tensorflow
def test_step_on_some_of_the_variables():
    model, optimizer = linear(), ProximalSGD(0.1)
    optimizer.build(model.trainable_variables)
    kernel, bias = model.trainable_variables
    for variables in ([bias], [kernel], [bias, kernel]):
        with tf.GradientTape() as tape:
            loss = losses_of(model, X, Y)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    wanted = START
    for moved in ([1], [0], [0, 1]):
        new = minimize(wanted, least_squares(X, Y), PROX, reference.SGD, rate=0.1, steps=1)
        wanted = [new[i] if i in moved else wanted[i] for i in range(2)]
    assert_same(weights_of(model), wanted)


@pytest.mark.tensorflow
def test_loss_scaling_in_a_compiled_loop():
    model = linear()
    optimizer = keras.optimizers.LossScaleOptimizer(ProximalSGD(0.1))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = optimizer.scale_loss(losses_of(model, X, Y))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    for _ in range(12):
        step()
    assert_same(weights_of(model), expected())


@pytest.mark.tensorflow
@pytest.mark.xfail(reason="the wrapper builds it before the first step asks whether it was built")
def test_unbuilt_optimizer_behind_loss_scaling_is_refused_in_an_eager_loop():
    model = linear(PENALTIES["L2"][0])
    optimizer = keras.optimizers.LossScaleOptimizer(ProximalSGD(0.1), initial_scale=1.0)
    with pytest.raises(RuntimeError) as caught:
        custom_loop(model, optimizer)
    assert str(caught.value) == UNBUILT


# What is refused


def without_prox(w):
    return ops.sum(ops.abs(w))


@pytest.mark.parametrize(
    "regularizer",
    [regularizers.OrthogonalRegularizer(0.1), without_prox],
    ids=["class", "function"],
)
def test_regularizer_without_prox_is_refused_at_the_first_step(regularizer):
    dense = layers.Dense(2, kernel_regularizer=regularizer, name="unusual")
    model = keras.Sequential([keras.Input((5,)), layers.Dense(3, kernel_regularizer="l1"), dense])
    model.compile(ProximalAdam(), "mse", jit_compile=PROGRAM)
    before = weights_of(model)
    with pytest.raises(TypeError) as caught:
        fit(model, 1)
    assert str(caught.value) == (
        "ProximalAdam needs the prox of the regularizer of the variable "
        "'sequential/unusual/kernel'. No penalty is known for the regularizer "
        f"{regularizer!r} of type {type(regularizer).__name__}. Use one of "
        "keras.regularizers.L1, L2, L1L2, or a subclass of kerasreg.regularizers.Penalty, which "
        "has to provide: `strength`, `_value(w, strength)`, `_prox(w, step_size, strength)`, "
        "`_subdiff_distance(w, grad, strength)`, `_strength_max(grad)` and `get_config()`. "
        "Or train with an optimizer of keras.optimizers"
    )
    assert_identical(before, weights_of(model))
    # Nothing is left on the model: Keras's own optimizer trains it.
    assert model.layers[0].kernel.regularizer is model.layers[0].kernel_regularizer
    model.compile("adam", "mse")
    fit(model, 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [(L1, regularizers.L2(0.1)), (L1, None), (None, L1)],
    ids=["another", "none", "a_first"],
)
def test_regularizer_that_was_changed_later_is_refused(before, after):
    model, optimizer = linear(before), ProximalSGD(0.1)
    optimizer.build(model.trainable_variables)
    custom_loop(model, optimizer, 2)
    model.layers[0].kernel.regularizer = after
    with pytest.raises(RuntimeError) as caught:
        custom_loop(model, optimizer)
    assert str(caught.value) == (
        "The regularizer of the variable 'sequential/dense/kernel' was changed after ProximalSGD "
        "was built. Call `optimizer.find_penalties()`, and compile anew what was compiled; "
        "`kerasreg.surgery.regularize` does both"
    )
