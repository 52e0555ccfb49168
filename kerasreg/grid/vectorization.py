"""What `tf.vectorized_map` lacks for Keras models.

TensorFlow has no public way to say how one of its operations is vectorized. Without these, its
fallback would put every operation that it does not know into a loop, also where that is slow.
"""

from collections.abc import Callable
from typing import Any

from tensorflow.python.ops.parallel_for import pfor as converters

from kerasreg.grid import convolutions
from kerasreg.tensorflow_only import tf

# Random numbers of Keras's layers. Each member draws its own from its own state, one member after
# another, which gives the numbers that it would draw alone.
_DRAWS = (
    "StatelessRandomGetAlg",
    "StatelessRandomGetKeyCounter",
    "StatelessRandomNormalV2",
    "StatelessRandomUniformFullIntV2",
    "StatelessRandomUniformIntV2",
    "StatelessRandomUniformV2",
    "StatelessTruncatedNormalV2",
)

# Convolutions, which TensorFlow vectorizes in the cases named here only: by which of the inputs
# differ between the members. Ours come first where there are some; other cases run one by one.
_CONVOLUTIONS: dict[str, Callable[[list[bool]], bool]] = {
    "Conv2D": lambda stacked: not stacked[1],
    "Conv2DBackpropInput": lambda stacked: not stacked[1],
    "Conv2DBackpropFilter": lambda stacked: not stacked[0],
    "DepthwiseConv2dNative": all,
    "DepthwiseConv2dNativeBackpropInput": lambda stacked: stacked[1] and stacked[2],
    "DepthwiseConv2dNativeBackpropFilter": lambda stacked: stacked[0] and stacked[2],
}
_CONVOLUTIONS_3D = ("Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2")
_OURS: dict[str, Callable[..., Any]] = {
    "Conv2D": convolutions.convolution,
    "Conv2DBackpropInput": convolutions.gradient_by_input,
    "Conv2DBackpropFilter": convolutions.gradient_by_filters,
}


def _bitcast(pfor_input: Any) -> Any:
    # keras.ops.argmax looks at the bits of a number to tell −0 from 0.
    values = pfor_input.stacked_input(0)
    return converters.wrap(tf.bitcast(values, pfor_input.get_attr("type")), True)


def _one_by_one(pfor_input: Any) -> Any:
    return converters._fallback_converter(pfor_input, warn=False)


def _register(operation: str, converter: Callable[[Any], Any]) -> None:
    # A later TensorFlow may know it by itself.
    if converters._pfor_converter_registry.get(operation) is None:
        converters.RegisterPFor(operation)(converter)


def _or_ours(operation: str, is_known: Callable[[list[bool]], bool]) -> Any:
    known, ours = converters._pfor_converter_registry[operation], _OURS.get(operation)

    def convert(pfor_input: Any) -> Any:
        stacked = [stacked for _, stacked, _ in pfor_input.inputs]
        otherwise = known if is_known(stacked) else _one_by_one
        return ours(pfor_input, otherwise, converters.wrap) if ours else otherwise(pfor_input)

    return convert


_register("Bitcast", _bitcast)
for _operation in (*_DRAWS, *_CONVOLUTIONS_3D):
    _register(_operation, _one_by_one)
for _operation, _is_known in _CONVOLUTIONS.items():
    converters._pfor_converter_registry[_operation] = _or_ours(_operation, _is_known)


# Or, under XLA, TensorFlow would rewrite the Python code that is called, of Keras too, for nothing.
_vectorized_map = tf.autograph.experimental.do_not_convert(tf.vectorized_map)


def map_members(function: Callable[[Any], Any], members: Any, *, by_loop: bool = False) -> Any:
    """The function of one member, applied to all, which are on the first axis, at once.

    Args:
        function: Takes a structure of tensors of one member and returns one.
        members: The structure, with a first axis of members on every tensor.
        by_loop: Whether operations that cannot be vectorized run member by member, which is slow;
            otherwise they are an error.
    """
    if tf.nest.flatten(members)[0].shape[0] == 1:
        # One member alone: products of matrices are faster than products of stacks of one.
        alone = function(tf.nest.map_structure(lambda leaf: leaf[0], members))
        return tf.nest.map_structure(lambda leaf: tf.convert_to_tensor(leaf)[None], alone)
    return _vectorized_map(function, members, fallback_to_while_loop=by_loop)
