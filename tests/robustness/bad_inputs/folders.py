"""Folders that are none, and a name that the package has not."""

import kerasreg
from kerasreg import tables
from kerasreg.checkpoints import CheckpointFolder
from tests.robustness.bad_inputs.case import Case
from tests.robustness.bad_inputs.subjects import (
    written,
)

CASES = [
    Case(
        "record in a number",
        lambda: tables.TrainingRecord(3),
        ValueError,
        (
            "Invalid value for argument `log_dir`: expected the path of a folder, or None. "
            "Received: log_dir=3"
        ),
    ),
    Case(
        "module misspelt",
        lambda: kerasreg.trainning,
        AttributeError,
        "module 'kerasreg' has no attribute 'trainning'",
    ),
    Case(
        "checkpoint a file",
        lambda: CheckpointFolder("ck", {}),
        NotADirectoryError,
        (
            "The checkpoint folder 'ck' cannot be used: Not a directory. Pass a checkpoint_dir "
            "that can be made and written"
        ),
        before=written("ck", ""),
    ),
    Case(
        "checkpoint below a file",
        lambda: CheckpointFolder("file/ck", {}),
        NotADirectoryError,
        (
            "The checkpoint folder 'file/ck' cannot be used: Not a directory. Pass a "
            "checkpoint_dir that can be made and written"
        ),
        before=written("file", ""),
    ),
    Case(
        "checkpoint among other files",
        lambda: CheckpointFolder("ck", {}),
        ValueError,
        (
            "The folder 'ck' is not a checkpoint: it has no 'call.json', but holds 'notes.txt'. "
            "Pass a checkpoint_dir that is empty or does not exist"
        ),
        before=written("ck/notes.txt", ""),
    ),
    Case(
        "checkpoint in a place that takes no files",
        lambda: CheckpointFolder("/proc/ck", {}),
        FileNotFoundError,
        (
            "The checkpoint folder '/proc/ck' cannot be used: No such file or directory. Pass a "
            "checkpoint_dir that can be made and written"
        ),
    ),
]
