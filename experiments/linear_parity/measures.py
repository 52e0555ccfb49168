"""What is measured of the coefficients of `linear_parity`, and of elastic net as a sum."""

from io import StringIO
from itertools import combinations

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn import linear_model

from kerasreg import datasets
from kerasreg.regularizers import ElasticNet

SOLVERS = ["scikit-learn", "Keras", "kerasreg", "NumPy"]
KEYS = ["system", "penalty", "stage", "coefficient"]
# What the texts' programs print, the article's at scikit-learn's default tolerance.
KNOWN = """system,penalty,stage,known
S8,lasso,taught,93.4738 70.7763 3.0865 63.5758 86.9652 10.2654 70.6045 16.6343 5.0349 54.0452
S8,ridge,taught,93.5028 70.8073 3.1739 63.5842 87.0055 10.3928 70.6140 16.7485 5.1808 54.0808
S8,elastic net,taught,88.0122 66.2892 3.7935 60.8025 82.7621 7.4931 68.8951 16.6502 4.4209 51.7223
S16,lasso,taught,4.16437 2.97406
S16,ridge,taught,3.72876 3.09620
S16,lasso,optimum,4.17989 2.96028
S16,ridge,optimum,3.72772 3.09713"""


def net(l1, l2):
    """l1·‖w‖₁ + l2·‖w‖² by kerasreg's penalty, which has scikit-learn's ½ before the square."""
    return ElasticNet.from_sklearn(alpha=l1 / 2 + l2, l1_ratio=l1 / (l1 + 2 * l2))


def compare_solvers(coefficients):
    """Largest difference of a coefficient between two solvers, or two stages of one solver."""
    rows = []
    for keys, group in coefficients.groupby(KEYS[:2], sort=False):
        found = group.pivot(index="coefficient", columns=["solver", "stage"], values="value")
        for a, b in combinations(sorted(found, key=lambda c: SOLVERS.index(c[0])), 2):
            if a[0] == b[0] or a[1] == b[1]:
                rows.append((*keys, *a, *b, (found[a] - found[b]).abs().max()))
    names = ["solver_a", "stage_a", "solver_b", "stage_b", "difference"]
    return pd.DataFrame(rows, columns=KEYS[:2] + names)


def compare_known(coefficients):
    known = pd.read_csv(StringIO(KNOWN))
    known = known.assign(known=known["known"].str.split()).explode("known").astype({"known": float})
    number = known.groupby(KEYS[:3]).cumcount() + (known["system"] == "S8")
    known["coefficient"] = number.map(lambda i: f"w{i}" if i else "bias")
    table = known.merge(coefficients.rename(columns={"value": "found"}))
    return table.assign(difference=table["found"] - table["known"])


def value_and_gradient(*regularizers):
    w = tf.constant(np.append(np.random.default_rng(0).normal(size=100), np.zeros(10)))
    with tf.GradientTape() as tape:
        tape.watch(w)
        value = tf.add_n([regularizer(w) for regularizer in regularizers])
    return np.append(tape.gradient(value, w), value)


def added():
    """Value and gradient at random weights, of elastic net and of L1 + L2: a row a number."""
    own, l1, l2 = keras.regularizers, 0.1, 0.05
    expected = value_and_gradient(own.L1(l1), own.L2(l2))
    quantities = [*(f"gradient, weight {i}" for i in range(len(expected) - 1)), "value"]
    nets = {"Keras's L1L2": own.L1L2(l1, l2), "kerasreg's ElasticNet": net(l1, l2)}
    rows = {
        name: pd.DataFrame(
            {"quantity": quantities, "l1_plus_l2": expected}
            | {"relative_difference": np.abs(found - expected) / np.maximum(np.abs(expected), l1)}
        )
        for name, found in ((name, value_and_gradient(net)) for name, net in nets.items())
    }
    return pd.concat(rows, names=["penalty"]).reset_index("penalty").reset_index(drop=True)


def middles():
    """An elastic net that is half of each penalty, beside the middle of their two solutions."""
    data = datasets.article_regression()
    models = linear_model.Lasso(0.1), linear_model.Ridge(10.0), linear_model.ElasticNet(0.1)
    lasso, ridge, both = (model.fit(data.x, data.y).coef_ for model in models)
    table = pd.DataFrame({"lasso": lasso, "ridge": ridge, "elastic_net": both})
    table.insert(0, "coefficient", [f"w{i}" for i in range(1, len(both) + 1)])
    return table.assign(from_the_middle=both - (lasso + ridge) / 2)
