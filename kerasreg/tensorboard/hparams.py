"""What TensorBoard's HParams page shows: runs of an experiment by their settings and results.

The entries are made with the tensorboard package alone: its own functions for them import
TensorFlow. See `kerasreg.tensorboard.event_files` for writing them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kerasreg.tensorboard.summaries import Entry

if TYPE_CHECKING:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData


class Metric(NamedTuple):
    """A result by which runs are compared: the last value of a scalar.

    Args:
        folder: Where it is written, below the folder of the run, such as `validation`.
        tag: The tag of the scalar.
        title: What the page calls it.
    """

    folder: str
    tag: str
    title: str


Settings = Mapping[str, float | str]


def experiment(runs: Sequence[Settings], metrics: Iterable[Metric]) -> Entry:
    """Which settings and results the page has columns and axes for.

    It is written once, into the folder above those of the runs. Of several experiments below one
    folder the page takes the columns of any one, for the runs of all.

    Args:
        runs: The settings of every run, as for `session_start`, with the same names in each.
            What differs between them comes first on the page.
        metrics: The results.

    Returns:
        An entry of an event.
    """
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    values = {name: {settings[name] for settings in runs} for name in runs[0]}
    described = api_pb2.Experiment(
        # Without their range: of several experiments the page takes that of one, and would hide
        # the other runs.
        hparam_infos=[
            api_pb2.HParamInfo(
                name=name,
                type=api_pb2.DATA_TYPE_STRING
                if isinstance(runs[0][name], str)
                else api_pb2.DATA_TYPE_FLOAT64,
                differs=len(found) > 1,
            )
            for name, found in values.items()
        ],
        metric_infos=[
            api_pb2.MetricInfo(
                name=api_pb2.MetricName(group=metric.folder, tag=metric.tag),
                display_name=metric.title,
            )
            for metric in metrics
        ],
    )
    data = plugin_data_pb2.HParamsPluginData(experiment=described)
    return _entry(metadata.EXPERIMENT_TAG, data)


def session_start(settings: Settings, seconds: float) -> Entry:
    """The settings of a run, which makes its folder a row of the page.

    Args:
        settings: By name a number or a text.
        seconds: When the run began, as `time.time()` says it.

    Returns:
        An entry of an event.
    """
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    start = plugin_data_pb2.SessionStartInfo(start_time_secs=seconds)
    for name, value in settings.items():
        if isinstance(value, str):
            start.hparams[name].string_value = value
        else:
            start.hparams[name].number_value = value
    data = plugin_data_pb2.HParamsPluginData(session_start_info=start)
    return _entry(metadata.SESSION_START_INFO_TAG, data)


def session_end(failed: bool, seconds: float) -> Entry:
    """How a run ended.

    Args:
        failed: Whether it diverged.
        seconds: When it ended, as `time.time()` says it.

    Returns:
        An entry of an event.
    """
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=seconds)
    data = plugin_data_pb2.HParamsPluginData(session_end_info=end)
    return _entry(metadata.SESSION_END_INFO_TAG, data)


def regularizer_names(regularizers: Iterable[Any]) -> str:
    """Class names of regularizers, each once, in their order: `L1 + ElasticNet`."""
    names = [getattr(each, "__name__", type(each).__name__) for each in regularizers]
    return " + ".join(dict.fromkeys(names)) or "none"


def _entry(tag: str, data: HParamsPluginData) -> Entry:
    from tensorboard.plugins.hparams import metadata

    # All is in the metadata; the page wants a tensor beside it, and none is smaller.
    return Entry(tag, metadata.create_summary_metadata(data), np.zeros(0, np.float32))
