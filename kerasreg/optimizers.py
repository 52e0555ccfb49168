"""Proximal optimizers: Keras's optimizers, with the prox of the penalties inside the update.

`model.compile(kerasreg.optimizers.ProximalAdam(1e-3), …)` is all that `model.fit` needs to end in
exact zeros: every `l1`, `l1_l2` or `kerasreg.regularizers` penalty on a weight is found through
`variable.regularizer`. A step for a weight w with data gradient g and penalty P is

    u = w − H⁻¹·m(g),    w ← argminᵥ ½·‖v − u‖²_H + P(v) = P.prox(u, step_size=diag(H)⁻¹)

with m and the diagonal metric H of the optimizer (SGD: m = g, H = 1/learning_rate; Adam: the
averaged gradient, and one step size a coordinate). The descent follows the data loss alone: what
the penalties put into the gradients is taken out before clipping and averaging.

The arguments are Keras's. What they do beside a prox:

- `learning_rate`, a float or a schedule, `epsilon`, `amsgrad` and `centered` are in its step size,
  see the formula of each optimizer
- `momentum` and `nesterov`: the prox is a part of the velocity, see `ProximalSGD`
- `weight_decay`: w ← w − learning_rate·weight_decay·w before the step. It is no part of the
  objective, and a zero stays a zero
- `clipnorm`, `global_clipnorm` and `clipvalue` clip the gradient of the data loss alone
- `use_ema`: a weight that is zero is zero in the average too
- `gradient_accumulation_steps`: so many batches make one step, with one prox
- `loss_scale_factor`, and the loss scaling of `mixed_float16`, leave the prox as it is

A layer's constraint is applied after the prox. A regularizer of which no prox is known raises a
`TypeError` that names its variable, when the optimizer is built.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerasreg.proximal_optimizer import ProximalOptimizer

__all__ = [
    "ProximalAdagrad",
    "ProximalAdam",
    "ProximalAdamW",
    "ProximalNadam",
    "ProximalOptimizer",
    "ProximalRMSprop",
    "ProximalSGD",
]


@keras.saving.register_keras_serializable(package="kerasreg")
class ProximalSGD(ProximalOptimizer, keras.optimizers.SGD):
    """Proximal gradient descent, with momentum and Nesterov.

    Without momentum, for data gradient g and learning rate η,

        w ← P.prox(w − η·g, step_size=η).

    With momentum β the velocity is the displacement of the weights, the prox included
    (inertial forward-backward splitting):

        w' = P.prox(w + β·v − η·g, step_size=η),    v ← w' − w.

    With `nesterov=True` the step is that of FISTA with constant β, where the variable holds the
    point y that looks ahead:

        x' = P.prox(y − η·g(y), step_size=η),    v ← x' − x,    y ← x' + β·v,

    except that v is 0 where x' is: what is zero stays an exact zero in y.

    Keras's own momentum with a prox after it would end in another minimum, for its velocity
    grows to g/(1 − β) where the prox has only η·λ to set against it.

    Args:
        As for `keras.optimizers.SGD`.

    Example:

    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(0.5))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> model.compile(kerasreg.optimizers.ProximalSGD(0.1), "mse")
    >>> x = np.random.default_rng(0).normal(size=(64, 3))
    >>> history = model.fit(x, 2 * x[:, 0], epochs=40, verbose=0)
    >>> (model.get_weights()[0].ravel() == 0).tolist()
    [False, True, True]

    References:
        - Parikh & Boyd, Proximal Algorithms (2014), eq. 4.2.
        - Ochs, Chen, Brox & Pock, iPiano (2014), algorithm 1.
        - Beck & Teboulle, FISTA (2009), eqs. 4.1 to 4.3, with constant momentum.
    """

    def _proximal_step(self, variable: Any, gradient: Any, learning_rate: Any) -> None:
        if self.momentum == 0:
            super()._proximal_step(variable, gradient, learning_rate)
            return
        self._gradient_step(variable, gradient, learning_rate)
        momentum = self.momentums[self._get_variable_index(variable)]
        ahead = self.momentum * momentum if self.nesterov else 0.0
        reached = variable - ahead
        point = self._prox(variable, reached, learning_rate)
        velocity = momentum + (point - reached)
        if self.nesterov:
            velocity = ops.where(ops.equal(point, 0), 0.0, velocity)
            self.assign(variable, point + self.momentum * velocity)
        else:
            self.assign(variable, point)
        self.assign(momentum, velocity)

    def _step_size(self, index: int, learning_rate: Any) -> Any:
        return learning_rate


@keras.saving.register_keras_serializable(package="kerasreg")
class ProximalAdam(ProximalOptimizer, keras.optimizers.Adam):
    """Adam, whose penalties are applied by their prox in Adam's own metric.

    With Adam's corrected averages m̂ of the data gradient and v̂ of its square (the largest v so
    far with `amsgrad=True`), learning rate η and coordinates i,

        w ← P.prox(w − t·m̂, step_size=t),    tᵢ = η / (√v̂ᵢ + ε).

    A weight without any data gradient (an input that is always 0, say) has a step size near η/ε,
    and becomes zero within a few steps under almost any L1. That is where the minimum has it.

    Args:
        As for `keras.optimizers.Adam`.

    Example:

    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(0.5))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> model.compile(kerasreg.optimizers.ProximalAdam(0.03), "mse")
    >>> x = np.random.default_rng(0).normal(size=(64, 3))
    >>> history = model.fit(x, 2 * x[:, 0], epochs=40, verbose=0)
    >>> (model.get_weights()[0].ravel() == 0).tolist()
    [False, True, True]

    References:
        - Yun, Lozano & Yang, Adaptive Proximal Gradient Methods for Structured Neural Networks
          (ProxGen, arXiv:2007.07484), algorithm 1 with Cₜ = diag(√v̂ + ε).
        - Kingma & Ba, Adam (arXiv:1412.6980), with Keras's placement of ε.
    """

    def _step_size(self, index: int, learning_rate: Any) -> Any:
        velocity = (self._velocity_hats if self.amsgrad else self._velocities)[index]
        step = ops.cast(self.iterations + 1, velocity.dtype)
        correction = ops.sqrt(1 - ops.power(ops.cast(self.beta_2, velocity.dtype), step))
        return learning_rate * correction / (ops.sqrt(velocity) + self.epsilon)


@keras.saving.register_keras_serializable(package="kerasreg")
class ProximalAdamW(ProximalAdam, keras.optimizers.AdamW):
    """AdamW, whose penalties are applied by their prox in Adam's own metric.

    First w ← w − η·weight_decay·w, then the step of `ProximalAdam`. The decay is decoupled: it is
    no part of the objective, and a zero stays a zero under it.

    Args:
        As for `keras.optimizers.AdamW`.

    Example:

    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(0.5))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> model.compile(kerasreg.optimizers.ProximalAdamW(0.03, weight_decay=0.01), "mse")
    >>> x = np.random.default_rng(0).normal(size=(64, 3))
    >>> history = model.fit(x, 2 * x[:, 0], epochs=40, verbose=0)
    >>> (model.get_weights()[0].ravel() == 0).tolist()
    [False, True, True]

    References:
        - Loshchilov & Hutter, Decoupled Weight Decay Regularization (arXiv:1711.05101), algorithm
          2; see `ProximalAdam` for the prox.
    """


@keras.saving.register_keras_serializable(package="kerasreg")
class ProximalNadam(ProximalOptimizer, keras.optimizers.Nadam):
    """Nadam, whose penalties are applied by their prox in Nadam's own metric.

    With Nadam's average m̂ of the data gradient, which looks a step ahead, the corrected average v̂
    of its square, learning rate η and coordinates i,

        w ← P.prox(w − t·m̂, step_size=t),    tᵢ = η / (√v̂ᵢ + ε).

    Args:
        As for `keras.optimizers.Nadam`.

    Example:

    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(0.1))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> model.compile(kerasreg.optimizers.ProximalNadam(1e-3), "mse")

    References:
        Dozat, Incorporating Nesterov momentum into Adam (2016), algorithm 2; see `ProximalAdam`
        for the prox.
    """

    def _step_size(self, index: int, learning_rate: Any) -> Any:
        velocity = self._velocities[index]
        step = ops.cast(self.iterations + 1, velocity.dtype)
        corrected = velocity / (1 - ops.power(ops.cast(self.beta_2, velocity.dtype), step))
        return learning_rate / (ops.sqrt(corrected) + self.epsilon)


@keras.saving.register_keras_serializable(package="kerasreg")
class ProximalRMSprop(ProximalOptimizer, keras.optimizers.RMSprop):
    """RMSprop, whose penalties are applied by their prox in RMSprop's own metric.

    With the average v of the squared data gradient (less the square of its average with
    `centered=True`), learning rate η and coordinates i,

        w ← P.prox(w − t·g, step_size=t),    tᵢ = η / √(vᵢ + ε).

    With momentum the velocity is the displacement of the weights, as in `ProximalSGD`. With
    `centered=True` the step sizes grow to η/√ε where the gradient changes little, as it does near
    a minimum: an η above 3e-4 then goes round it without arriving.

    Args:
        As for `keras.optimizers.RMSprop`.

    Example:

    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(0.5))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> model.compile(kerasreg.optimizers.ProximalRMSprop(0.01), "mse")
    >>> x = np.random.default_rng(0).normal(size=(64, 3))
    >>> history = model.fit(x, 2 * x[:, 0], epochs=40, verbose=0)
    >>> (model.get_weights()[0].ravel() == 0).tolist()
    [False, True, True]

    References:
        - Hinton, Neural Networks for Machine Learning, lecture 6e (2012).
        - ProxGen (arXiv:2007.07484), algorithm 1 with Cₜ = diag(√(v + ε)).
    """

    def _proximal_step(self, variable: Any, gradient: Any, learning_rate: Any) -> None:
        self._gradient_step(variable, gradient, learning_rate)
        point = self._prox(variable, variable, learning_rate)
        if self.momentum > 0:
            momentum = self._momentums[self._get_variable_index(variable)]
            self.assign(momentum, momentum - (point - variable))
        self.assign(variable, point)

    def _step_size(self, index: int, learning_rate: Any) -> Any:
        spread = self._velocities[index]
        if self.centered:
            spread = spread - ops.square(self._average_gradients[index])
        # In Keras's order: of two nearly equal numbers, ε is only a part of what rounding leaves.
        return learning_rate / ops.sqrt(spread + self.epsilon)


@keras.saving.register_keras_serializable(package="kerasreg")
class ProximalAdagrad(ProximalOptimizer, keras.optimizers.Adagrad):
    """Adagrad, whose penalties are applied by their prox in Adagrad's own metric.

    With the sum a of the squared data gradients, learning rate η and coordinates i,

        w ← P.prox(w − t·g, step_size=t),    tᵢ = η / √(aᵢ + ε).

    Args:
        As for `keras.optimizers.Adagrad`.

    Example:

    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(0.5))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> model.compile(kerasreg.optimizers.ProximalAdagrad(0.1), "mse")
    >>> x = np.random.default_rng(0).normal(size=(64, 3))
    >>> history = model.fit(x, 2 * x[:, 0], epochs=40, verbose=0)
    >>> (model.get_weights()[0].ravel() == 0).tolist()
    [False, True, True]

    References:
        - Duchi, Hazan & Singer, Adaptive Subgradient Methods (2011), eq. 4 (the composite mirror
          descent update).
    """

    def _step_size(self, index: int, learning_rate: Any) -> Any:
        return learning_rate / ops.sqrt(self._accumulators[index] + self.epsilon)
