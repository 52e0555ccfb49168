"""The workbench for regularization in Keras 3.

```python
import keras
import kerasreg

dense = keras.layers.Dense(10, kernel_regularizer=keras.regularizers.L1(0.01))
model = keras.Sequential([keras.Input((64,)), dense])
model.compile(kerasreg.optimizers.ProximalAdam(), "mse")   # and fit ends in exact zeros
```

On every backend of Keras:

- `kerasreg.regularizers`: the penalties, each with its prox, its subdifferential and the strength
  from which on it makes everything zero
- `kerasreg.optimizers`: Keras's optimizers with the prox inside, which end in exact zeros
- `kerasreg.callbacks`: `fit` recorded in tables and for TensorBoard; strengths that change in it
- `kerasreg.surgery`: put regularizers on a model that is built, audit it, refit it, make it small
- `kerasreg.optimality`: how far a trained model is from an optimum, and bounds on that
- `kerasreg.plots`: figures from the tables
- `kerasreg.datasets`, `kerasreg.descent`: data, and the descents as textbooks teach them, in NumPy
- `kerasreg.folds`, `kerasreg.metrics`, `kerasreg.tables`: what the others are made of

On the TensorFlow backend:

- `kerasreg.training`: the loop written out, an epoch as one compiled program
- `kerasreg.path`, `kerasreg.cross_validation`: a hundred strengths at once, and which to take
- `kerasreg.grid`, `kerasreg.strength_range`: what both are made of

What the names in the signatures mean, `Samples` or `Loss` say, `kerasreg.typing` tells.

Importing the package imports Keras and NumPy; what needs TensorFlow, pandas, Matplotlib or
scikit-learn is imported when it is first used.
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
