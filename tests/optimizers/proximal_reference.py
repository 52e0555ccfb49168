"""NumPy oracle of the proximal optimizers: their update rules, without Keras and without kerasreg.

Every rule moves one array: `rule.step(w, gradient, rate, prox)` with `prox(point, step_size)`.
"""

import numpy as np


def elastic_prox(l1=0.0, l2=0.0):
    """Prox of l1·‖w‖₁ + l2·‖w‖², which minimizes (u − w)²/(2t) + l1·|u| + l2·u² in each weight."""

    def prox(point, step_size):
        shrunk = np.sign(point) * np.maximum(np.abs(point) - step_size * l1, 0)
        return shrunk / (1 + 2 * step_size * l2)

    return prox


def no_prox(point, step_size):
    return point


class SGD:
    def __init__(self, momentum=0.0, nesterov=False):
        self.momentum, self.nesterov = momentum, nesterov
        self.reached, self.velocity = None, 0.0

    def step(self, w, gradient, rate, prox):
        if not self.nesterov:
            new = prox(w + self.momentum * self.velocity - rate * gradient, rate)
            self.velocity = new - w
            return new
        last = w if self.reached is None else self.reached
        self.reached = prox(w - rate * gradient, rate)
        velocity = np.where(self.reached == 0, 0, self.reached - last)
        return self.reached + self.momentum * velocity


class Adam:
    def __init__(self, amsgrad=False, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        self.steps, self.mean, self.square, self.largest = 0, 0.0, 0.0, 0.0

    def step(self, w, gradient, rate, prox):
        self.steps += 1
        self.mean = self.beta_1 * self.mean + (1 - self.beta_1) * gradient
        self.square = self.beta_2 * self.square + (1 - self.beta_2) * gradient**2
        self.largest = np.maximum(self.largest, self.square)
        square = self.largest if self.amsgrad else self.square
        # Keras adds ε to the root of the average before it is corrected, and takes the powers of β
        # in float32, where 1 − 0.999 is off by 1.3e-5 of itself: more than the rest rounds.
        correction = np.sqrt(1 - np.float64(np.float32(self.beta_2)) ** self.steps)
        step_size = rate * correction / (np.sqrt(square) + self.epsilon)
        mean = self.mean / (1 - np.float64(np.float32(self.beta_1)) ** self.steps)
        return prox(w - step_size * mean, step_size)


class Nadam:
    def __init__(self, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        # Keras computes with β in float32 throughout, where 1 − 0.999 is off by 1.3e-5 of itself.
        self.beta_1, self.beta_2, self.decay = np.float32([beta_1, beta_2, 0.96]).astype("float64")
        self.epsilon = epsilon
        self.steps, self.mean, self.square, self.product = 0, 0.0, 0.0, 1.0

    def step(self, w, gradient, rate, prox):
        self.steps += 1
        self.mean = self.beta_1 * self.mean + (1 - self.beta_1) * gradient
        self.square = self.beta_2 * self.square + (1 - self.beta_2) * gradient**2
        now, ahead = (self.beta_1 * (1 - self.decay ** (self.steps + i) / 2) for i in (0, 1))
        self.product *= now
        square = self.square / (1 - self.beta_2**self.steps)
        step_size = rate / (np.sqrt(square) + self.epsilon)
        mean = ahead * self.mean / (1 - self.product * ahead)
        mean = mean + (1 - now) * gradient / (1 - self.product)
        return prox(w - step_size * mean, step_size)


class RMSprop:
    def __init__(self, momentum=0.0, centered=False, rho=0.9, epsilon=1e-7):
        self.momentum, self.centered, self.rho, self.epsilon = momentum, centered, rho, epsilon
        self.mean, self.square, self.velocity = 0.0, 0.0, 0.0

    def step(self, w, gradient, rate, prox):
        self.square = self.rho * self.square + (1 - self.rho) * gradient**2
        self.mean = self.rho * self.mean + (1 - self.rho) * gradient
        spread = self.square - self.mean**2 if self.centered else self.square
        step_size = rate / np.sqrt(spread + self.epsilon)
        new = prox(w + self.momentum * self.velocity - step_size * gradient, step_size)
        self.velocity = new - w
        return new


class Adagrad:
    def __init__(self, initial=0.1, epsilon=1e-7):
        self.sum, self.epsilon = initial, epsilon

    def step(self, w, gradient, rate, prox):
        self.sum = self.sum + gradient**2
        step_size = rate / np.sqrt(self.sum + self.epsilon)
        return prox(w - step_size * gradient, step_size)


def minimize(
    start,
    gradients,
    proxes,
    rule,
    *,
    rate,
    steps,
    weight_decay=0.0,
    clip=lambda gradients: gradients,
    average=None,
    overwrite_every=None,
):
    """Runs one rule for each array of `start`.

    Args:
        start: Arrays.
        gradients: Function of the arrays: the gradient of the data loss for each.
        proxes: The prox of each array.
        rule: Makes a rule.
        rate: Learning rate, or a function of the number of steps before.
        clip: Function of the list of data gradients.
        average: Momentum of a moving average of the weights, which is then what is returned.
        overwrite_every: Number of steps after which the weights become their averages.
    """
    arrays, rules = [np.asarray(w, "float64") for w in start], [rule() for _ in start]
    averages = arrays
    for step in range(steps):
        eta = rate(step) if callable(rate) else rate
        slopes = clip(gradients(arrays))
        arrays = [
            r.step(w * (1 - eta * weight_decay), slope, eta, prox)
            for w, r, slope, prox in zip(arrays, rules, slopes, proxes, strict=True)
        ]
        if average is not None:
            keep = average if step else 0.0
            averages = [
                np.where((w == 0) & (prox is not no_prox), 0, keep * a + (1 - keep) * w)
                for a, w, prox in zip(averages, arrays, proxes, strict=True)
            ]
            if overwrite_every and (step + 1) % overwrite_every == 0:
                arrays = averages
    return arrays if average is None else averages


def least_squares(x, y):
    """Gradients of mean((x·kernel + bias − y)²) for the kernel, and the bias where there is one."""
    x, y = x.astype("float64"), y.astype("float64")

    def gradients(arrays):
        residual = x @ arrays[0] + sum(arrays[1:]) - y
        scaled = 2 * residual / residual.size
        return [x.T @ scaled, scaled.sum(axis=0)][: len(arrays)]

    return gradients


def by_norm(limit):
    """Each gradient is scaled to a norm of at most `limit`."""

    def clip(gradients):
        return [g * min(1, limit / np.linalg.norm(g)) for g in gradients]

    return clip


def by_global_norm(limit):
    def clip(gradients):
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        return [g * min(1, limit / norm) for g in gradients]

    return clip


def by_value(limit):
    def clip(gradients):
        return [np.clip(g, -limit, limit) for g in gradients]

    return clip
