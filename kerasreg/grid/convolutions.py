"""Convolutions of many members at once, each with filters of its own, as products of matrices.

TensorFlow convolves with one set of filters. Small images are faster laid out as patches, one row
for each place of the filter: then a convolution, and its gradient by the filters, is a product of
matrices for each member, and the gradient by the input is a product whose columns are added up
where they came from.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kerasreg.tensorflow_only import tf

# Patches take kernel height × width times the memory of the images. Beyond this it is slower to
# write them down than to convolve member by member.
_MAX_PATCH_BYTES = 2**26

_Converter = Callable[[Any], Any]


def convolution(pfor_input: Any, otherwise: _Converter, wrap: Callable[..., Any]) -> Any:
    """The converter of Conv2D: x (K?, B, H, W, C) and filters (K, h, w, C, F)."""
    x, filters = pfor_input.inputs[0], pfor_input.inputs[1]
    if not filters.is_stacked or not _is_plain(pfor_input):
        return otherwise(pfor_input)
    kernel = _static(filters.t)
    if kernel is None:
        return otherwise(pfor_input)
    patches = _patches(pfor_input, x, kernel[1:3])
    if patches is None or patches.shape[-1] != math.prod(kernel[1:4]):  # not groups of channels
        return otherwise(pfor_input)
    rows = tf.reshape(patches, (*([kernel[0]] if x.is_stacked else []), -1, patches.shape[-1]))
    columns = tf.reshape(filters.t, (kernel[0], -1, kernel[4]))
    product = tf.einsum("knp,kpf->knf" if x.is_stacked else "np,kpf->knf", rows, columns)
    return wrap(tf.reshape(product, (kernel[0], *patches.shape[-4:-1], kernel[4])), True)


def gradient_by_filters(pfor_input: Any, otherwise: _Converter, wrap: Callable[..., Any]) -> Any:
    """The converter of Conv2DBackpropFilter: x (K?, B, H, W, C) and gradients (K, B, H', W', F)."""
    x, _, gradient = pfor_input.inputs
    size = _static(pfor_input.outputs[0])
    if not gradient.is_stacked or size is None or not _is_plain(pfor_input):
        return otherwise(pfor_input)
    outer = _static(gradient.t)
    patches = _patches(pfor_input, x, size[:2])
    if outer is None or patches is None or patches.shape[-1] != math.prod(size[:3]):
        return otherwise(pfor_input)
    rows = tf.reshape(patches, (*([outer[0]] if x.is_stacked else []), -1, patches.shape[-1]))
    slopes = tf.reshape(gradient.t, (outer[0], -1, outer[4]))
    product = tf.einsum("knp,knf->kpf" if x.is_stacked else "np,knf->kpf", rows, slopes)
    return wrap(tf.reshape(product, (outer[0], *size)), True)


def gradient_by_input(pfor_input: Any, otherwise: _Converter, wrap: Callable[..., Any]) -> Any:
    """The converter of Conv2DBackpropInput: filters (K, h, w, C, F), gradients (K, B, H', …, F)."""
    _, filters, gradient = pfor_input.inputs
    size = _static(pfor_input.outputs[0])
    stacked = filters.is_stacked and gradient.is_stacked
    if not stacked or size is None or not _is_plain(pfor_input):
        return otherwise(pfor_input)
    kernel, outer = _static(filters.t), _static(gradient.t)
    if kernel is None or outer is None or kernel[3] != size[3]:
        return otherwise(pfor_input)
    members, height, width, channels, _ = kernel
    n_bytes = 4 * math.prod(outer[:4]) * height * width * channels
    if n_bytes > _MAX_PATCH_BYTES:
        return otherwise(pfor_input)
    slopes = tf.reshape(gradient.t, (members, -1, outer[4]))
    columns = tf.reshape(filters.t, (members, -1, outer[4]))
    patches = tf.einsum("knf,kpf->knp", slopes, columns)
    patches = tf.reshape(patches, (*outer[:4], height, width, channels))
    before = _padding(pfor_input, (height, width))
    total: Any = 0
    for i in range(height):
        for j in range(width):
            # The place of the filter's weight (i, j) in the padded image.
            full = (size[1] + height - 1 if before else size[1]) - outer[2] - i
            across = (size[2] + width - 1 if before else size[2]) - outer[3] - j
            around = [[0, 0], [0, 0], [i, full], [j, across], [0, 0]]
            total = total + tf.pad(patches[..., i, j, :], around)
    if before:
        (top, _), (left, _) = before
        total = total[:, :, top : top + size[1], left : left + size[2]]
    return wrap(total, True)


def _patches(pfor_input: Any, x: Any, kernel: Any) -> Any:
    """Shape (…, B, H', W', h·w·C), or None where the patches would be too large."""
    shape = _static(x.t)
    if shape is None:
        return None
    height, width = kernel
    images, before = x.t, _padding(pfor_input, (height, width))
    if before:
        images = tf.pad(images, [[0, 0]] * (len(shape) - 3) + [*before, [0, 0]])
    rows, columns = images.shape[-3] - height + 1, images.shape[-2] - width + 1
    n_bytes = 4 * math.prod(shape[:-3]) * rows * columns * height * width * shape[-1]
    if n_bytes > _MAX_PATCH_BYTES or min(rows, columns) < 1:
        return None
    return tf.concat(
        [
            images[..., i : i + rows, j : j + columns, :]
            for i in range(height)
            for j in range(width)
        ],
        axis=-1,
    )


def _padding(pfor_input: Any, kernel: tuple[int, int]) -> list[list[int]] | None:
    """Zeros before and after the rows and the columns, None for none."""
    if pfor_input.get_attr("padding") == b"VALID":
        return None
    return [[(size - 1) // 2, size - 1 - (size - 1) // 2] for size in kernel]


def _is_plain(pfor_input: Any) -> bool:
    """Whether it has no strides, gaps or paddings of its own, and channels come last."""
    ones = all(set(pfor_input.get_attr(name)) == {1} for name in ("strides", "dilations"))
    padding = pfor_input.get_attr("padding") in (b"VALID", b"SAME")
    return ones and padding and pfor_input.get_attr("data_format") == b"NHWC"


def _static(tensor: Any) -> list[int] | None:
    return tensor.shape.as_list() if tensor.shape.is_fully_defined() else None
