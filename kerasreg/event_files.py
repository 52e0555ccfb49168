"""Event files for TensorBoard, written through the tensorboard package alone.

`tf.summary` would do as well but needs TensorFlow, which a Keras project on the JAX or PyTorch
backend does not have; it also runs one operation for every scalar where one event holds them all.
"""

import time
from pathlib import Path

import numpy as np


class EventFiles:
    """One run folder for each split below `log_dir`, so that charts overlay them.

    Args:
        log_dir: Folder of the run. `log_dir/train` and `log_dir/validation` are made in it.
    """

    def __init__(self, log_dir: str | Path):
        self._log_dir = Path(log_dir)
        self._writers: dict = {}

    def add_scalars(self, split: str, epoch: int, values: dict[str, float]) -> None:
        """Writes named numbers of one epoch (from 1)."""
        from tensorboard.plugins.scalar.metadata import create_summary_metadata

        metadata = create_summary_metadata(display_name="", description="")
        self._add(
            split,
            epoch,
            [(tag, metadata, np.float32(value)) for tag, value in values.items()],
        )

    def add_histogram(self, split: str, epoch: int, tag: str, edges_and_counts: np.ndarray) -> None:
        """Writes a histogram given as rows (left edge, right edge, count)."""
        from tensorboard.plugins.histogram.metadata import create_summary_metadata

        metadata = create_summary_metadata(display_name="", description="")
        self._add(split, epoch, [(tag, metadata, edges_and_counts)])

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _add(self, split: str, epoch: int, entries: list) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
        from tensorboard.util.tensor_util import make_tensor_proto

        summary = Summary()
        for tag, metadata, value in entries:
            summary.value.add(tag=tag, metadata=metadata, tensor=make_tensor_proto(value))
        if split not in self._writers:
            # A chart that is watched should not lag by TensorBoard's default of two minutes.
            self._writers[split] = EventFileWriter(str(self._log_dir / split), flush_secs=2)
        event = Event(step=epoch, wall_time=time.time(), summary=summary)
        self._writers[split].add_event(event)
