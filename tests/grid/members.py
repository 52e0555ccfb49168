"""What the tests of the grid compare it with: every member trained alone by `train`."""

import numpy as np

from kerasreg.copies import copy_with, fresh_values
from kerasreg.grid import train_grid
from kerasreg.training import train
from kerasreg.variables import values_of

CROSSENTROPY = "sparse_categorical_crossentropy"


def compared(
    model,
    x,
    y,
    *,
    optimizer,
    strengths=(0.0, 0.05, 0.5),
    tolerance=1e-5,
    alone=None,
    seed=0,
    check_both=False,
    **settings,
):
    """Trains a grid, and some of its members alone; returns the grid's record.

    Args:
        model: The model.
        x: Inputs.
        y: Targets.
        optimizer: Makes a new optimizer.
        strengths: Strengths of the grid.
        tolerance: How far weights and curves may differ, against the larger of 1 and the value.
        alone: Settings of `train` that differ from those of the grid.
        seed: The seed of the members.
        check_both: Whether to compare the largest strength besides the one in the middle.
        settings: Settings of `train_grid`. As plain graphs, which start sooner, by default.
    """
    settings = {"epochs": 3, "batch_size": 16, "jit_compile": False, "verbose": 0} | settings
    if "validation_data" not in settings and "folds" not in settings:
        settings["validation_data"] = (x, y)
    record = train_grid(
        model, x, y, strengths=strengths, seeds=(seed,), optimizer=optimizer(), **settings
    )
    same = {"seed": 0, "jit_compile": False}
    kept = (
        "loss",
        "metrics",
        "epochs",
        "batch_size",
        "validation_data",
        "sample_weight",
        "shuffle",
    )
    same |= {name: settings[name] for name in kept if name in settings}
    middle = sorted(strengths)[len(strengths) // 2]
    for strength in (middle, max(strengths))[: 1 + check_both]:
        own = copy_with(model, fresh_values(model, seed), strength)
        result = train(own, x, y, optimizer=optimizer(), **(same | (alone or {})))
        check_same(record, strength, own, result, tolerance, seed=seed)
    return record


def check_same(record, strength, model, result, tolerance=1e-5, fold=None, seed=0):
    """That a member has the weights, the support and the curves of a model trained alone."""
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    own = [values_of(variable) for variable in variables]
    for value, expected, variable in zip(
        record.values(strength, fold or 0, seed), own, variables, strict=True
    ):
        np.testing.assert_allclose(
            value, expected, rtol=tolerance, atol=tolerance, err_msg=variable.path
        )
        np.testing.assert_array_equal(value == 0, expected == 0, err_msg=variable.path)
    keys = {"strength": strength, "seed": seed} | ({} if fold is None else {"fold": fold})
    for table, columns in (("curves", ["split", "quantity"]), ("weights", ["variable"])):
        found, wanted = getattr(record, table), getattr(result, table)
        for key, value in keys.items():
            found = found[found[key] == value]
        columns = ["epoch", *columns]
        found = found.sort_values(columns, ignore_index=True)
        wanted = wanted.sort_values(columns, ignore_index=True)
        assert found[columns].to_numpy().tolist() == wanted[columns].to_numpy().tolist()
        for column in set(wanted) - set(columns):
            # Norms of many weights differ by as many roundings.
            np.testing.assert_allclose(
                found[column].to_numpy(float),
                wanted[column].to_numpy(float),
                rtol=tolerance,
                atol=tolerance,
                err_msg=f"{table} {column}",
            )


def curve(record, quantity="loss", split="train", **keys):
    """The values of a quantity by epoch."""
    table = record.curves
    for key, value in {"quantity": quantity, "split": split, **keys}.items():
        table = table[table[key] == value]
    return table.sort_values("epoch")["value"].to_numpy()
