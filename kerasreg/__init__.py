"""kerasreg: the workbench for regularization in Keras 3.

Importing the package needs keras and numpy only. What needs TensorFlow, pandas, Matplotlib or
scikit-learn is loaded when it is first used, so that the penalties serve Keras projects on every
backend::

    import kerasreg

    layer = keras.layers.Dense(64, kernel_regularizer=kerasreg.regularizers.ElasticNet(1e-3))
    result = kerasreg.training.train(model, x, y, loss="mse")
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

_BACKENDS = ("tensorflow", "jax", "torch")

try:
    # Here and not on first use, so that Keras knows the classes when it loads a saved model.
    from kerasreg import optimizers, regularizers
except ModuleNotFoundError as error:
    if error.name not in _BACKENDS:
        raise
    # Keras cannot be imported without its backend. Who uses something is told so, below.

__version__ = "0.1.0"

_LOADED_ON_USE = (
    "callbacks",
    "cross_validation",
    "datasets",
    "descent",
    "folds",
    "grid",
    "metrics",
    "optimality",
    "path",
    "plots",
    "strength_range",
    "surgery",
    "tables",
    "training",
)

__all__ = ["__version__", "optimizers", "regularizers", *_LOADED_ON_USE]


if TYPE_CHECKING:  # by `__getattr__` alone they would be modules of unknown content
    from kerasreg import callbacks as callbacks
    from kerasreg import cross_validation as cross_validation
    from kerasreg import datasets as datasets
    from kerasreg import descent as descent
    from kerasreg import folds as folds
    from kerasreg import grid as grid
    from kerasreg import metrics as metrics
    from kerasreg import optimality as optimality
    from kerasreg import path as path
    from kerasreg import plots as plots
    from kerasreg import strength_range as strength_range
    from kerasreg import surgery as surgery
    from kerasreg import tables as tables
    from kerasreg import training as training
else:

    def __getattr__(name: str) -> ModuleType:
        if name not in __all__:
            raise AttributeError(f"module 'kerasreg' has no attribute '{name}'")
        try:
            return import_module(f"kerasreg.{name}")
        except ModuleNotFoundError as error:
            if error.name not in _BACKENDS:
                raise
            raise ModuleNotFoundError(
                f"Keras needs a backend, and {error.name} is not installed. Install it, with "
                f'`pip install "kerasreg[{error.name}]"`, or set KERAS_BACKEND to one that is: '
                f"{', '.join(_BACKENDS)}",
                name=error.name,
            ) from None


def __dir__() -> list[str]:
    return sorted(__all__)
