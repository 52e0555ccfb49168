"""Lines of Python that an audit proposes: places in a model, optimizers, compile as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
from keras import tree

import kerasreg.optimizers
from kerasreg.proximal_optimizer import inner_optimizer
from kerasreg.regularizers.keras_builtin import as_given

# After it, the next `fit` and `evaluate` compile the model as it is then.
COMPILED_ANEW = "; model.train_function = model.test_function = None"


def regularize_line(name: str, regularizer: str) -> str:
    return f'kerasreg.surgery.regularize(model, {{"{name}": {regularizer}}})'


def compile_line(model: keras.Model, optimizer: str) -> str:
    """The model compiled with another optimizer, all else as it was."""
    arguments = [optimizer, "loss=model.loss"]
    defaults = {
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": model._resolve_auto_jit_compile(),
    }
    for name, value in compile_settings(model).items():
        if name in ("optimizer", "loss") or value in (None, defaults.get(name)):
            continue
        plain = all(isinstance(leaf, str | int | float) for leaf in tree.flatten(value))
        held = f"model._compile_config.config[{name!r}]"
        arguments.append(f"{name}={value!r}" if plain else f"{name}={held}")
    if inner_optimizer(model) is not model.optimizer:
        arguments[0] = f"keras.optimizers.LossScaleOptimizer({optimizer})"
    return f"model.compile({', '.join(arguments)})"


def compile_settings(model: keras.Model) -> dict[str, Any]:
    compiled = getattr(model, "_compile_config", None)
    return {} if compiled is None else compiled.config


def proximal_twin(optimizer: Any, source: str) -> str:
    """The proximal optimizer of the same kind; Adam's, if there is none of that kind."""
    for kind in type(optimizer).__mro__:  # pragma: no branch - keras.optimizers.Optimizer is in it
        if kind is keras.optimizers.Optimizer:
            break
        name = f"Proximal{kind.__name__}"
        if hasattr(kerasreg.optimizers, name):
            twin = getattr(kerasreg.optimizers, name)
            return constructed(f"kerasreg.optimizers.{name}", twin, optimizer, source)
    rate = optimizer.get_config()["learning_rate"]
    rate = as_given(rate) if isinstance(rate, float) else f"{source}.learning_rate"
    return f"kerasreg.optimizers.ProximalAdam({rate})"


def constructed(name: str, kind: Any, optimizer: Any, source: str) -> str:
    config, defaults = optimizer.get_config(), kind().get_config()
    settings = {
        key: value
        for key, value in config.items()
        if key != "name" and (key == "learning_rate" or value != defaults.get(key))
    }
    if any(isinstance(value, dict) for value in settings.values()):  # a schedule
        return f"{name}.from_config({source}.get_config())"
    shown = ", ".join(f"{key}={as_given(value)!r}" for key, value in settings.items())
    return f"{name}({shown})"


def source_of_layer(model: keras.Model, wanted: keras.layers.Layer) -> str:
    """The way from the variable `model` to a layer: `model.get_layer('encoder').layer`."""
    sources = {id(model): "model"}
    queue: list[Any] = [model]
    for parent in queue:  # pragma: no branch - every layer of the model is reached
        if parent is wanted:
            break
        for step, child in _steps_down(parent):
            if id(child) not in sources:
                sources[id(child)] = sources[id(parent)] + step
                queue.append(child)
    return sources[id(wanted)]


def _steps_down(parent: keras.layers.Layer) -> Iterator[tuple[str, keras.layers.Layer]]:
    if isinstance(parent, keras.Model):
        names = [layer.name for layer in parent.layers]
        for at, (name, layer) in enumerate(zip(names, parent.layers, strict=True)):
            yield f".get_layer({name!r})" if names.count(name) == 1 else f".layers[{at}]", layer
    # A model may have layers that are not in its graph, as attributes.
    # Public attributes first, and Keras's own list of all layers last.
    for name, value in sorted(vars(parent).items(), key=lambda item: item[0].startswith("_")):
        if isinstance(value, keras.layers.Layer):
            yield f".{name}", value
        elif isinstance(value, list | tuple) and name != "_layers":
            for at, layer in enumerate(value):
                if isinstance(layer, keras.layers.Layer):
                    yield f".{name}[{at}]", layer
    for at, layer in enumerate(parent._layers):
        yield f"._layers[{at}]", layer
