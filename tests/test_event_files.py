import numpy as np
import pytest
from test_callbacks import X, Y, compiled, fit

from kerasreg.callbacks import RegularizationMonitor

tensorboard = pytest.importorskip("tensorboard")


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: {event.step: make_ndarray(event.tensor_proto) for event in events.Tensors(tag)}
        for tag in events.Tags()["tensors"]
    }


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


def test_without_log_dir_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(compiled(), RegularizationMonitor())
    assert list(tmp_path.iterdir()) == []
