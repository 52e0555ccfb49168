"""Penalties and priors with arguments that they cannot take."""

import numpy as np

from kerasreg import regularizers as R  # noqa: N812
from tests.robustness.bad_inputs.case import Case
from tests.robustness.bad_inputs.subjects import INF, L1, NAN, X

CASES = [
    Case(
        "seed of check_penalty",
        lambda: R.check_penalty(R.ElasticNet(), seed=-1),
        ValueError,
        "Invalid value for argument `seed`: expected an int >= 0. Received: seed=-1",
    ),
    Case(
        "strength negative",
        lambda: R.ElasticNet(-1),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength=-1"
        ),
    ),
    Case(
        "strength NaN",
        lambda: R.MCP(NAN),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength=nan"
        ),
    ),
    Case(
        "strength infinite",
        lambda: R.SCAD(INF),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength=inf"
        ),
    ),
    Case(
        "strength a text",
        lambda: R.LogSum("1"),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength='1'"
        ),
    ),
    Case(
        "strength a bool",
        lambda: R.GroupLasso(True),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength=True"
        ),
    ),
    Case(
        "strength complex",
        lambda: R.KLSparsity(1j),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength=1j"
        ),
    ),
    Case(
        "strength None",
        lambda: R.ElasticNet(None),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength=None"
        ),
    ),
    Case(
        "strength an array",
        lambda: R.ElasticNet(np.ones(2)),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength=array([1., 1.])"
        ),
    ),
    Case(
        "l1_ratio above 1",
        lambda: R.ElasticNet(0.1, l1_ratio=2),
        ValueError,
        (
            "Invalid value for argument `l1_ratio`: expected a finite float between 0 and 1. "
            "Received: l1_ratio=2"
        ),
    ),
    Case(
        "l1_ratio NaN",
        lambda: R.SparseGroupLasso(0.1, l1_ratio=NAN),
        ValueError,
        (
            "Invalid value for argument `l1_ratio`: expected a finite float between 0 and 1. "
            "Received: l1_ratio=nan"
        ),
    ),
    Case(
        "alpha negative",
        lambda: R.ElasticNet.from_sklearn(-1),
        ValueError,
        ("Invalid value for argument `alpha`: expected a finite float >= 0. Received: alpha=-1"),
    ),
    Case(
        "strength negative in a config",
        lambda: R.ElasticNet.from_config({"strength": -1, "l1_ratio": 0.5}),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength=-1"
        ),
    ),
    Case(
        "groups unknown",
        lambda: R.GroupLasso(0.1, groups="rows"),
        ValueError,
        (
            "Invalid value for argument `groups`: expected 'outputs' or 'inputs'. Received: "
            "groups='rows'"
        ),
    ),
    Case(
        "gamma zero",
        lambda: R.MCP(0.1, gamma=0),
        ValueError,
        "Invalid value for argument `gamma`: expected a finite float > 0. Received: gamma=0",
    ),
    Case(
        "a too small",
        lambda: R.SCAD(0.1, a=2),
        ValueError,
        "Invalid value for argument `a`: expected a finite float > 2. Received: a=2",
    ),
    Case(
        "epsilon zero",
        lambda: R.LogSum(0.1, epsilon=0),
        ValueError,
        ("Invalid value for argument `epsilon`: expected a finite float > 0. Received: epsilon=0"),
    ),
    Case(
        "target one",
        lambda: R.KLSparsity(0.1, target=1),
        ValueError,
        (
            "Invalid value for argument `target`: expected a finite float > 0 and < 1. Received: "
            "target=1"
        ),
    ),
    Case(
        "penalty from a name",
        lambda: R.as_penalty("l1"),
        TypeError,
        (
            "No penalty is known for the regularizer 'l1' of type str. Use one of "
            "keras.regularizers.L1, L2, L1L2, or a subclass of kerasreg.regularizers.Penalty, "
            "which has to provide: `strength`, `_value(w, strength)`, `_prox(w, step_size, "
            "strength)`, `_subdiff_distance(w, grad, strength)`, `_strength_max(grad)` and "
            "`get_config()`"
        ),
    ),
    Case(
        "adapting what is no Keras regularizer",
        lambda: R.KerasPenalty("l1"),
        TypeError,
        (
            "Invalid type for argument `regularizer`: expected an instance of "
            "keras.regularizers.L1, L2 or L1L2. Received: regularizer='l1' of type str"
        ),
    ),
    Case(
        "factor negative",
        lambda: R.scaled_regularizer(L1, -1),
        ValueError,
        ("Invalid value for argument `factor`: expected a finite float >= 0. Received: factor=-1"),
    ),
    Case(
        "factor of a name",
        lambda: R.scaled_regularizer("l1", 1.0),
        TypeError,
        (
            "The strength of the regularizer 'l1' of type str cannot be multiplied: it is none "
            "of keras.regularizers.L1, L2, L1L2 and no kerasreg Penalty"
        ),
    ),
    Case(
        "step size zero",
        lambda: R.ElasticNet().prox(X, 0),
        ValueError,
        (
            "Invalid value for argument `step_size`: expected a float > 0, or an array of them "
            "with the shape of `w`. Received: step_size=0"
        ),
    ),
    Case(
        "step size NaN",
        lambda: R.ElasticNet().prox(X, NAN),
        ValueError,
        (
            "Invalid value for argument `step_size`: expected a float > 0, or an array of them "
            "with the shape of `w`. Received: step_size=nan"
        ),
    ),
    Case(
        "step size a bool",
        lambda: R.ElasticNet().prox(X, True),
        ValueError,
        (
            "Invalid value for argument `step_size`: expected a float > 0, or an array of them "
            "with the shape of `w`. Received: step_size=True"
        ),
    ),
    Case(
        "step size of another shape",
        lambda: R.ElasticNet().prox(X, [1.0, 2.0]),
        ValueError,
        (
            "Invalid shape for argument `step_size`: expected a scalar or the shape of `w`, (8, "
            "3). Received: step_size.shape=(2,)"
        ),
    ),
    Case(
        "prox at a negative strength",
        lambda: R.ElasticNet().prox(X, 1.0, strength=-1),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength=-1"
        ),
    ),
    Case(
        "penalty of a text",
        lambda: R.ElasticNet()("abc"),
        ValueError,
        (
            "Invalid value for argument `w`: expected an array of real numbers. Received: "
            "w=array('abc', dtype='<U3')"
        ),
    ),
    Case(
        "penalty of None",
        lambda: R.ElasticNet()(None),
        ValueError,
        (
            "Invalid value for argument `w`: expected an array of real numbers. Received: "
            "w=array(None, dtype=object)"
        ),
    ),
    Case(
        "gradient of another shape",
        lambda: R.GroupLasso().subdiff_distance(X, X[:3, :2]),
        ValueError,
        (
            "Invalid shape for argument `grad`: expected the shape of `w`, (8, 3). Received: "
            "grad.shape=(3, 2)"
        ),
    ),
    Case(
        "gradient complex",
        lambda: R.ElasticNet().strength_max(np.ones(1, complex)),
        ValueError,
        (
            "Invalid value for argument `grad`: expected an array of real numbers. Received: "
            "grad=array([1.+0.j])"
        ),
    ),
    Case(
        "prior of scale zero",
        lambda: R.laplace_prior(0, 10),
        ValueError,
        "Invalid value for argument `scale`: expected a finite float > 0. Received: scale=0",
    ),
    Case(
        "prior without samples",
        lambda: R.laplace_prior(1, 0),
        ValueError,
        "Invalid value for argument `n_samples`: expected an int >= 1. Received: n_samples=0",
    ),
    Case(
        "prior of half a sample",
        lambda: R.gaussian_prior(1, 1.5),
        ValueError,
        ("Invalid value for argument `n_samples`: expected an int >= 1. Received: n_samples=1.5"),
    ),
    Case(
        "prior of an infinite scale",
        lambda: R.gaussian_prior(INF, 10),
        ValueError,
        ("Invalid value for argument `scale`: expected a finite float > 0. Received: scale=inf"),
    ),
    Case(
        "noise scale negative",
        lambda: R.laplace_prior(1, 10, noise_scale=-1),
        ValueError,
        (
            "Invalid value for argument `noise_scale`: expected a finite float > 0. Received: "
            "noise_scale=-1"
        ),
    ),
    Case(
        "threshold negative",
        lambda: R.soft_threshold(X, -1.0),
        ValueError,
        (
            "Invalid value for argument `threshold`: expected a number >= 0, or an array of them. "
            "Received: threshold=-1.0"
        ),
    ),
    Case(
        "thresholds of groups not numbers",
        lambda: R.block_soft_threshold(X, np.array([NAN, 1.0])),
        ValueError,
        (
            "Invalid value for argument `threshold`: expected a number >= 0, or an array of them. "
            "Received: threshold=array([nan,  1.])"
        ),
    ),
    Case(
        "weights to shrink complex",
        lambda: R.soft_threshold(1j, 1.0),
        ValueError,
        "Invalid value for argument `w`: expected an array of real numbers. Received: w=1j",
    ),
    Case(
        "prior so narrow that the strength is infinite",
        lambda: R.gaussian_prior(1e-200, 10),
        ValueError,
        (
            "Invalid prior: expected a strength that is a finite float. Received: scale=1e-200, "
            "n_samples=10, noise_scale=None. Scale the data, so that weights and noise are nearer "
            "to 1"
        ),
    ),
    Case(
        "noise so wide that the strength is infinite",
        lambda: R.laplace_prior(1.0, 10, noise_scale=1e200),
        ValueError,
        (
            "Invalid prior: expected a strength that is a finite float. Received: scale=1.0, "
            "n_samples=10, noise_scale=1e+200. Scale the data, so that weights and noise are "
            "nearer to 1"
        ),
    ),
    Case(
        "strength an array of two axes, in one line",
        lambda: R.ElasticNet(np.zeros((2, 2))),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength=array([[0., 0.], [0., 0.]])"
        ),
    ),
    Case(
        "strength a long list, cut",
        lambda: R.ElasticNet([0] * 200),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            f"strength=[{'0, ' * 66}0… (list)"
        ),
    ),
    Case(
        "strength an int too long to be written",
        lambda: R.ElasticNet(10**5000),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength=int of 16610 bits"
        ),
    ),
]
