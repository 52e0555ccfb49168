"""The NumPy algorithms that two teaching texts print, kept as plain as they are taught.

*The lecture* teaches logistic regression from scratch, *the note* linear regression; their data
are in `kerasreg.datasets`. They follow a subgradient with a constant step, which makes no weight
exactly zero. They are here to be compared with, and to show what the taught algorithms really do;
`keras_descent` does the same steps with a Keras model.
"""

from kerasreg.descent.in_keras import keras_descent
from kerasreg.descent.linear import elastic_net_descent, lasso_descent, ridge_descent
from kerasreg.descent.logistic import LogisticDescent, logistic_costs, logistic_l1_descent
from kerasreg.descent.steps import Descent

__all__ = [
    "Descent",
    "LogisticDescent",
    "elastic_net_descent",
    "keras_descent",
    "lasso_descent",
    "logistic_costs",
    "logistic_l1_descent",
    "ridge_descent",
]
