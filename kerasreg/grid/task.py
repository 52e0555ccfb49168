"""What a grid is to do, in a form that can be done here, in chunks, or in other processes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from kerasreg.folds import Fold
from kerasreg.grid.chunks import Member
from kerasreg.packing import packed, packed_object, unpacked, unpacked_object
from kerasreg.tables import WEIGHT_MEASURES
from kerasreg.tensorflow_only import tf
from kerasreg.training import trained_parts
from kerasreg.variables import named_variables


@dataclass(frozen=True)
class GridTask:
    """Everything that says how a member is trained; picklable without code once `packed`.

    `data` and `validation` are `Arrays` of NumPy arrays or a `tf.data.Dataset`; `folds` are pairs
    of training and held-out rows, or None.
    """

    model: Any
    optimizer: Any
    loss: Any
    metrics: Any
    data: Any
    validation: Any
    folds: list[Fold] | None
    epochs: int
    batch_size: int
    shuffle_seed: int | None
    initial_weights: str
    jit_compile: bool | str
    warm_start: bool
    chunk_size: int
    n_chunks: int

    @property
    def has_validation(self) -> bool:
        return self.validation is not None or self.folds is not None

    @property
    def splits(self) -> list[str]:
        """What the curves of a member are about."""
        return ["train", "validation"] if self.has_validation else ["train"]

    @property
    def run_keys(self) -> list[str]:
        """What tells the members apart in tables, in the order that they are sorted by."""
        return [key for key in Member._fields if key != "fold" or self.folds is not None]

    @property
    def programs_key(self) -> list[Any]:
        """What the compiled programs depend on, besides the shapes of the data."""
        # Without the name, which Keras counts up.
        optimizer = {**self.optimizer.get_config(), "name": None}
        return [
            (type(self.optimizer), optimizer),
            (self.loss, self.metrics, self.jit_compile, self.chunk_size),
            trained_parts(self.model),
        ]

    def packed(self) -> GridTask:
        """The same without code, for another process, or for a description.

        Raises:
            ValueError: If something in it could not be unpacked elsewhere.
        """
        return replace(
            self,
            model=packed(self.model),
            optimizer=packed_object(self.optimizer),
            loss=packed_object(self.loss),
            metrics=packed_object(self.metrics),
        )

    def unpacked(self) -> GridTask:
        return replace(
            self,
            model=unpacked(self.model),
            optimizer=unpacked_object(self.optimizer),
            loss=unpacked_object(self.loss),
            metrics=unpacked_object(self.metrics),
        )

    def description(self, chunks: Sequence[Sequence[Member]]) -> dict[str, Any]:
        """What a checkpoint of this call says that it belongs to."""
        own = self.packed()
        return {
            "model": [_without_names(own.model[part]) for part in ("model", "regularizers")],
            "variables": [name for name, _ in named_variables(self.model)],
            "initial_weights": self.initial_weights,
            "weights of the model": own.model["values"] if self.initial_weights == "model" else [],
            "optimizer": _without_names(own.optimizer),
            "loss": own.loss,
            "metrics": own.metrics,
            "x": self.data.x,
            "y": self.data.y,
            "sample_weight": self.data.sample_weight,
            "validation_data": self.validation,
            "folds": self.folds,
            "strengths": [member.strength for chunk in chunks for member in chunk],
            "seeds": [member.seed for chunk in chunks for member in chunk],
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "shuffle_seed": self.shuffle_seed,
            "warm_start": self.warm_start,
            "chunk_size": self.chunk_size,
            "measures of weights": list(WEIGHT_MEASURES),
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
        }


def _without_names(text: str) -> Any:
    """A config, with names replaced by the order in which they come.

    Automatic names depend on what else was built before in the process.
    """
    names: dict[str, str] = {}

    def collect(part: Any) -> None:
        for key, value in part.items() if isinstance(part, dict) else enumerate(part):
            if key == "name" and isinstance(value, str):
                names.setdefault(value, f"name {len(names)}")
            elif isinstance(value, dict | list):
                collect(value)

    def replaced(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: replaced(value) for key, value in part.items()}
        if isinstance(part, list):
            return [replaced(value) for value in part]
        return names.get(part, part) if isinstance(part, str) else part

    config = json.loads(text)
    collect([config])
    return replaced(config)
