"""The event files of a monitor hold what its tables hold."""

import numpy as np
import pytest

from kerasreg.callbacks import RegularizationMonitor
from tests.callbacks.test_monitor import X, Y, compiled, fit
from tests.test_event_files import read

pytest.importorskip("tensorboard")


def test_event_files_hold_what_the_tables_hold(tmp_path):
    monitor = RegularizationMonitor(log_dir=str(tmp_path))
    fit(compiled(metrics=["mae"]), monitor, validation_data=(X, Y))
    for split, rows in monitor.curves.groupby("split"):
        written = read(tmp_path / split)
        for row in rows.itertuples():
            assert written[row.quantity][row.epoch] == np.float32(row.value)
    written = read(tmp_path / "train")
    for row in monitor.weights.itertuples():
        assert written[f"l1_norm/{row.variable}"][row.epoch] == np.float32(row.l1_norm)
        assert written[f"sparsity/{row.variable}"][row.epoch] == row.n_zero / row.n_weights
        histogram = written[row.variable][row.epoch]
        assert histogram.shape[1] == 3
        assert histogram[:, 2].sum() == row.n_weights
