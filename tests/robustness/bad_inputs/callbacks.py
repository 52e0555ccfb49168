"""Callbacks with what they cannot take."""

import keras

from kerasreg import metrics
from kerasreg.callbacks import RegularizationMonitor, StrengthSchedule
from tests.robustness.bad_inputs.case import Case
from tests.robustness.bad_inputs.subjects import (
    NAN,
    fit,
)

CASES = [
    Case(
        "schedule a number",
        lambda: StrengthSchedule(3),
        ValueError,
        (
            "Invalid value for argument `schedule`: expected a function int -> float >= 0, or a "
            "LearningRateSchedule of Keras. Received: schedule=3"
        ),
    ),
    Case(
        "schedule a class",
        lambda: StrengthSchedule(keras.optimizers.schedules.CosineDecay),
        ValueError,
        (
            "Invalid value for argument `schedule`: expected a function int -> float >= 0, or a "
            "LearningRateSchedule of Keras. Received: schedule=<class "
            "'keras.src.optimizers.schedules.learning_rate_schedule.CosineDecay'>"
        ),
    ),
    Case(
        "schedule by epochs",
        lambda: StrengthSchedule(lambda epoch: 1.0, by="epochs"),
        ValueError,
        "Invalid value for argument `by`: expected 'epoch' or 'step'. Received: by='epochs'",
    ),
    Case(
        "schedule negative",
        lambda: fit(StrengthSchedule(lambda epoch: -1.0)),
        ValueError,
        ("Invalid value of the schedule at epoch 0: expected a finite float >= 0. Received: -1.0"),
    ),
    Case(
        "schedule NaN in the last epoch",
        lambda: fit(StrengthSchedule(lambda epoch: [1.0, NAN][epoch]), epochs=2),
        ValueError,
        ("Invalid value of the schedule at epoch 1: expected a finite float >= 0. Received: nan"),
    ),
    Case(
        "schedule of texts",
        lambda: fit(StrengthSchedule(lambda epoch: "1")),
        ValueError,
        ("Invalid value of the schedule at epoch 0: expected a finite float >= 0. Received: '1'"),
    ),
    Case(
        "monitor in a number",
        lambda: RegularizationMonitor(3),
        ValueError,
        (
            "Invalid value for argument `log_dir`: expected the path of a folder, or None. "
            "Received: log_dir=3"
        ),
    ),
    Case(
        "penalty names of a text",
        lambda: metrics.PenaltyNames("model"),
        TypeError,
        "Invalid type for argument `model`: expected a keras.Model. Received: str",
    ),
]
