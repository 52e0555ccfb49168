"""Event files: what is in them, and that a fit goes on whatever a disk does to them."""

import errno
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from kerasreg.callbacks import RegularizationMonitor
from kerasreg.tensorboard import event_files, summaries
from kerasreg.tensorboard.event_files import EventFiles, run_folder
from tests.callbacks.test_monitor import X, Y, compiled, fit

tensorboard = pytest.importorskip("tensorboard")

# Files are written alike on every backend; what a fit records is in tests/callbacks.
pytestmark = pytest.mark.tensorflow


def add_scalars(events, split, epoch, values):
    events.add(split, epoch, [summaries.scalar(tag, value) for tag, value in values.items()])


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: {event.step: make_ndarray(event.tensor_proto) for event in events.Tensors(tag)}
        for tag in events.Tags()["tensors"]
    }


def files_below(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


def test_without_log_dir_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(compiled(), RegularizationMonitor())
    assert list(tmp_path.iterdir()) == []


def test_an_event_is_on_the_disk_when_add_returns(tmp_path):
    events = EventFiles(tmp_path)
    for epoch in (1, 2, 3):
        add_scalars(events, "train", epoch, {"loss": 1 / epoch})
        assert list(read(tmp_path / "train")["loss"]) == list(range(1, epoch + 1))
    events.close()


def test_files_pass_for_those_of_tensorboard(tmp_path):
    """Byte by byte but for the time, the host and the writer's name."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    entries = [
        summaries.histogram("dense/kernel", np.array([[-0.5, 0.5, 3.0], [0.5, 1.5, 1.0]])),
        summaries.text("note", "*cold*"),
        summaries.Entry("float32", summaries.scalar("", 0).metadata, np.arange(3, dtype="f4")),
        summaries.Entry("count", summaries.scalar("", 0).metadata, np.array(3)),
        summaries.scalar("loss", 0.1),
    ]
    events = EventFiles(tmp_path)
    events.add("ours", 7, entries)
    events.close()
    theirs = EventFileWriter(str(tmp_path / "theirs"))
    summary = Summary()
    for tag, metadata, value in entries:
        summary.value.add(tag=tag, metadata=metadata, tensor=make_tensor_proto(value))
    theirs.add_event(Event(step=7, summary=summary))
    theirs.close()
    (ours,), (reference,) = files_below(tmp_path / "ours"), files_below(tmp_path / "theirs")
    read_back = list(EventFileLoader(str(ours)).Load())
    assert [event.step for event in read_back] == [0, 0, 7]  # the head, the page, the event
    assert read_back[0].file_version == "brain.Event:2"
    assert read_back[-1].summary == list(EventFileLoader(str(reference)).Load())[-1].summary
    assert ours.name.startswith(reference.name[: len("events.out.tfevents.1795")])


@pytest.mark.parametrize("length", [4, 8, 255, 256, 257, 1000])
def test_checksum_is_that_of_tensorboard(length):
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import crc32c

    assert event_files.checksum(b"123456789") == 0xE3069283  # the check value of CRC-32C
    data = np.random.default_rng(length).bytes(length)
    assert event_files.checksum(data) == crc32c(data)


def custom_scalars(log_dir):
    """TensorBoard's own plugin for the page of custom scalars."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.custom_scalar.custom_scalars_plugin import CustomScalarsPlugin
    from tensorboard.plugins.scalar.scalars_plugin import ScalarsPlugin

    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(log_dir))
    multiplexer.Reload()
    context = TBContext(
        data_provider=MultiplexerDataProvider(multiplexer, str(log_dir)),
        logdir=str(log_dir),
        plugin_name_to_instance={},
    )
    context.plugin_name_to_instance["scalars"] = ScalarsPlugin(context)
    return CustomScalarsPlugin(context)


@pytest.mark.filterwarnings("ignore:html5lib's sanitizer:DeprecationWarning")
def test_every_run_has_a_page_with_losses_penalties_and_zeros(tmp_path):
    import json

    from tensorboard.context import RequestContext

    monitor = RegularizationMonitor(log_dir=str(tmp_path))
    fit(compiled(), monitor, validation_data=(X, Y))
    plugin, context = custom_scalars(tmp_path), RequestContext()
    (category,) = json.loads(plugin.layout_impl(context, ""))["category"]  # one for both runs
    curves = {
        chart["title"]: {
            tag
            for pattern in chart["multiline"]["tag"]
            for tag in plugin.scalars_impl(context, "train", pattern, "")["tag_to_events"]
        }
        for chart in category["chart"]
    }
    losses, penalties, zeros = curves.values()
    assert losses == {"loss", "data_loss", "penalty"}
    assert penalties == {name for name in monitor.curves["quantity"] if name.startswith("penalty/")}
    assert zeros == {f"sparsity/{name}" for name in monitor.weights["variable"]}
    for split in ("train", "validation"):
        assert list(read(tmp_path / split)["custom_scalars__config__"]) == [0]


def test_pictures_get_no_page_of_scalars(tmp_path):
    events = EventFiles(tmp_path)
    events.add("", 0, [summaries.text("note", "*cold*")])
    events.close()
    assert list(read(tmp_path)) == ["note"]


# What the disk may do. A monitored `fit` is what it is without logs, and one warning says why
# there are none.


def a_file_in_its_place(log_dir):
    log_dir.write_text("")
    return "Not a directory"


def a_file_in_place_of_train(log_dir):
    log_dir.mkdir()
    (log_dir / "train").write_text("")
    return "File exists"


@pytest.fixture(scope="module")
def without_logs():
    model, monitor = compiled(), RegularizationMonitor()
    fit(model, monitor, validation_data=(X, Y))
    return model, monitor


def assert_fit_goes_on(log_dir, reason, without_logs):
    model, monitor = compiled(), RegularizationMonitor(log_dir=log_dir)
    with pytest.warns(RuntimeWarning) as caught:
        fit(model, monitor, validation_data=(X, Y))
    assert [str(warning.message) for warning in caught] == [
        f"Cannot write TensorBoard's event file in '{log_dir / 'train'}': {reason}. Nothing more "
        f"is written to '{log_dir}'; training goes on, and its tables stay whole"
    ]
    plain_model, plain = without_logs
    for one, other in zip(model.get_weights(), plain_model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for table in ("curves", "weights", "weight_histograms"):
        assert getattr(monitor, table).equals(getattr(plain, table))


@pytest.mark.parametrize("prepare", [a_file_in_its_place, a_file_in_place_of_train])
def test_a_folder_that_cannot_be_made_stops_nothing(prepare, tmp_path, without_logs):
    assert_fit_goes_on(tmp_path / "logs", prepare(tmp_path / "logs"), without_logs)


may_write_anywhere = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.mark.skipif(may_write_anywhere, reason="root may write anywhere")
def test_a_folder_without_permission_stops_nothing(tmp_path, without_logs):
    tmp_path.chmod(0o500)
    assert_fit_goes_on(tmp_path / "logs", "Permission denied", without_logs)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")
def test_a_full_disk_stops_nothing(tmp_path, monkeypatch, without_logs):
    full = Path("/dev/full")
    monkeypatch.setattr(EventFiles, "_opened", lambda events, folder: full.open("wb", buffering=0))
    assert_fit_goes_on(tmp_path, "No space left on device", without_logs)


def add_losses(events, epochs):
    for epoch in epochs:
        add_scalars(events, "train", epoch, {"loss": epoch})


class FullAfter:
    """A file that takes so many bytes in all, and at most 100 at once, as a disk may."""

    def __init__(self, file, size):
        self.file, self.left = file, size

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        if not self.left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self.file.write(data[: min(100, self.left)])
        self.left -= written
        return written


def test_what_was_written_before_the_disk_was_full_can_be_read(tmp_path, monkeypatch):
    opened = EventFiles._opened
    monkeypatch.setattr(
        EventFiles, "_opened", lambda events, folder: FullAfter(opened(events, folder), 2000)
    )
    events = EventFiles(tmp_path)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        add_losses(events, range(1, 101))
    add_scalars(events, "validation", 1, {"loss": 1.0})
    events.close()
    assert [path.parent.name for path in files_below(tmp_path)] == ["train"]
    steps = list(read(tmp_path / "train")["loss"])
    assert len(steps) > 5
    assert steps == list(range(1, len(steps) + 1))


def test_a_full_file_system(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(tmp_path)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("file systems cannot be mounted here")
    try:
        events = EventFiles(tmp_path)
        with pytest.warns(RuntimeWarning, match="No space left on device") as caught:
            add_losses(events, range(1, 1001))
        events.close()
        assert len(caught) == 1
        assert len(read(tmp_path / "train")["loss"]) > 5
    finally:
        # Lazily: the reader may still have a file open.
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_folder_that_is_removed_in_the_middle(tmp_path):
    events = EventFiles(tmp_path)
    add_scalars(events, "train", 1, {"loss": 1.0})
    for path in files_below(tmp_path):
        path.unlink()
    (tmp_path / "train").rmdir()
    with pytest.warns(RuntimeWarning, match="it has been removed") as caught:
        add_losses(events, (2, 3))
    assert len(caught) == 1
    events.close()


def test_an_error_on_closing_is_a_warning(tmp_path, monkeypatch):
    class FailingToClose(FullAfter):
        def close(self):
            self.file.close()
            raise OSError(errno.EIO, "Input/output error")

    opened = EventFiles._opened
    monkeypatch.setattr(
        EventFiles, "_opened", lambda events, folder: FailingToClose(opened(events, folder), 10**6)
    )
    events = EventFiles(tmp_path)
    add_scalars(events, "train", 1, {"loss": 1.0})
    add_scalars(events, "validation", 1, {"loss": 1.0})
    with pytest.warns(RuntimeWarning, match="Input/output error") as caught:
        events.close()
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        add_scalars(events, "train", 2, {"loss": 1.0})
        events.close()


def test_files_of_a_fit_that_was_interrupted_are_closed_with_it(tmp_path):
    events = EventFiles(tmp_path)
    add_scalars(events, "train", 1, {"loss": 1.0})
    file = events._files["train"]
    del events
    gc.collect()
    assert file.closed


# Runs that do not mix.


def test_a_second_fit_gets_a_folder_of_its_own(tmp_path):
    model, monitor = compiled(), RegularizationMonitor(log_dir=tmp_path)
    for _ in range(3):
        fit(model, monitor)
    for folder in (tmp_path, tmp_path / "run-2", tmp_path / "run-3"):
        assert list(read(folder / "train")["loss"]) == [1, 2]
    assert {path.name for path in tmp_path.iterdir()} == {"train", "run-2", "run-3"}


def test_a_fit_that_fails_at_once_leaves_no_folder(tmp_path):
    monitor = RegularizationMonitor(log_dir=tmp_path)
    with pytest.raises(ValueError):
        compiled().fit(X[:, :2], Y, verbose=0, callbacks=[monitor])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("claim", ["", "train"])
def test_runs_that_start_at_once_get_a_folder_each(tmp_path, claim):
    together, found = threading.Barrier(8), []

    def choose():
        together.wait()
        found.append(run_folder(tmp_path / "logs", claim))

    threads = [threading.Thread(target=choose) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {"logs", *(f"run-{number}" for number in range(2, 9))}
    assert {folder.name for folder in found} == names


def test_run_folder_looks_for_event_files_only(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    assert run_folder(str(tmp_path)) == tmp_path
    (tmp_path / "run-2" / "train").mkdir(parents=True)
    (tmp_path / "run-2" / "train" / "events.out.tfevents.1.machine").write_text("")
    assert run_folder(tmp_path) == tmp_path / "run-3"


def test_a_killed_process_leaves_all_epochs_and_the_next_run_does_not_mix_with_it(tmp_path):
    program = """
        import sys
        import keras
        import numpy as np
        from kerasreg.callbacks import RegularizationMonitor

        x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, name="killed")])
        model.compile("sgd", "mse")
        monitor = RegularizationMonitor(log_dir=sys.argv[1])
        said = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: print(epoch + 1, flush=True)
        )
        model.fit(x, x[:, :1], epochs=10**6, verbose=0, callbacks=[monitor, said])
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stdout:
            if int(line) == 20:
                break
        process.kill()
        finished = max([20, *map(int, process.stdout)])
    assert process.returncode == -signal.SIGKILL  # it was still training
    written = read(tmp_path / "train")
    epochs = list(range(1, finished + 1))
    for tag in ("loss", "l1_norm/killed/kernel", "killed/kernel"):
        # One more may have been written and not been said.
        assert list(written[tag]) in (epochs, [*epochs, finished + 1])
    fit(compiled(), RegularizationMonitor(log_dir=tmp_path))
    assert list(read(tmp_path / "train")["loss"]) == list(written["loss"])
    assert list(read(tmp_path / "run-2" / "train")["loss"]) == [1, 2]
