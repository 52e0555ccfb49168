"""Checks of the arrays that penalties are given, which become tensors."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasreg.arguments import invalid_argument


def floating_tensor(name: str, value: Any) -> Any:
    """Returns `value` as a tensor of at least float32.

    Half precision is raised to float32: the sum of 4096 squares overflows float16, and bfloat16
    stops counting at 256. Integers become `keras.config.floatx()`, for `L1(0.01)` cast to an
    integer is 0.
    """
    if hasattr(value, "dtype"):
        dtype = getattr(value.dtype, "name", str(value.dtype).rpartition(".")[-1])
    else:
        value = np.asarray(value)
        dtype = value.dtype.name if value.dtype.kind not in "fiub" else keras.config.floatx()
    if not dtype.startswith(("float", "bfloat", "int", "uint", "bool")):
        raise invalid_argument(name, "an array of real numbers", value)
    if dtype in ("float16", "bfloat16"):
        dtype = "float32"
    elif dtype not in ("float32", "float64"):
        dtype = keras.config.floatx()
    return _read(value, dtype)


def at_least_float32(dtype: Any) -> str:
    """The precision in which strengths and sums are kept: three digits of a half are too few."""
    return "float64" if "float64" in str(dtype) else "float32"


def minimum(a: Any, b: Any) -> Any:
    """`ops.minimum` of a tensor and another or a float.

    On PyTorch that of Keras 3.15 rounds float64 to float32 on its way, and so does `ops.where`
    with a float.
    """
    if keras.backend.backend() != "torch":
        return ops.minimum(a, b)
    b = ops.convert_to_tensor(b, dtype=a.dtype)
    return ops.where(a > b, b, a)


def maximum(a: Any, b: Any) -> Any:
    """`ops.maximum`, likewise."""
    if keras.backend.backend() != "torch":
        return ops.maximum(a, b)
    b = ops.convert_to_tensor(b, dtype=a.dtype)
    return ops.where(a < b, b, a)


def _read(value: Any, dtype: Any) -> Any:
    """Returns `value` as a tensor, never as a variable.

    TensorFlow's variables stay variables in `convert_to_tensor` if their dtype is the wanted one,
    and a function with a gradient of its own must not hold one. Reshaping reads the variable,
    without copying.
    """
    tensor = ops.convert_to_tensor(value, dtype=dtype)
    return ops.reshape(tensor, tensor.shape) if hasattr(tensor, "assign") else tensor


def scalar_like(name: str, value: Any, w: Any) -> Any:
    """Returns a tensor, whose value may not be known yet, as a scalar of the dtype of `w`."""
    tensor = _read(value, w.dtype)
    if len(tensor.shape):
        raise ValueError(
            f"Invalid shape for argument `{name}`: expected a scalar. "
            f"Received: {name}.shape={tuple(tensor.shape)}"
        )
    return tensor


def step_size_like(step_size: Any, w: Any) -> Any:
    """Returns `step_size` as a scalar, or as one step per coordinate of `w`."""
    expected = "a float > 0, or an array of them with the shape of `w`"
    if not (ops.is_tensor(step_size) or isinstance(step_size, keras.Variable)):
        steps = np.asarray(step_size)
        if steps.dtype.kind not in "fiu" or not (np.all(steps > 0) and np.all(np.isfinite(steps))):
            raise invalid_argument("step_size", expected, step_size)
    step_size = _read(step_size, w.dtype)
    if len(step_size.shape) and tuple(step_size.shape) != tuple(w.shape):
        raise ValueError(
            f"Invalid shape for argument `step_size`: expected a scalar or the shape of `w`, "
            f"{tuple(w.shape)}. Received: step_size.shape={tuple(step_size.shape)}"
        )
    return step_size


def real_tensor(name: str, value: Any) -> Any:
    """Returns `value` as a tensor of its own dtype after checking that its numbers are real."""
    tensor = ops.convert_to_tensor(value)
    if keras.backend.standardize_dtype(tensor.dtype).startswith("complex"):
        raise invalid_argument(name, "an array of real numbers", value)
    return tensor


def check_threshold(threshold: Any) -> None:
    """Checks what can be known: the values of a tensor may not be there yet."""
    if not (ops.is_tensor(threshold) or isinstance(threshold, keras.Variable)):
        values = np.asarray(threshold)
        if values.dtype.kind not in "fiu" or not np.all(values >= 0):
            raise invalid_argument("threshold", "a number >= 0, or an array of them", threshold)
