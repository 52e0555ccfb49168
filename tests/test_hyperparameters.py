"""Read back by what TensorBoard's HParams page itself asks."""

import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import pytest

from kerasreg.regularizers import MCP
from kerasreg.tensorboard import summaries
from kerasreg.tensorboard.event_files import EventFiles
from kerasreg.tensorboard.hparams import (
    Metric,
    experiment,
    regularizer_names,
    session_end,
    session_start,
)

pytest.importorskip("tensorboard")

METRICS = [
    Metric("validation", "data_loss", "validation data_loss"),
    Metric("train", "zeros", "zeros"),
]


def page(folder):
    """What the page has: the experiment, and its rows by name."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment
    from tensorboard.plugins.hparams.list_session_groups import Handler

    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(folder))
    backend = backend_context.Context(TBContext(data_provider=provider))
    statuses = [
        api_pb2.STATUS_UNKNOWN,
        api_pb2.STATUS_SUCCESS,
        api_pb2.STATUS_FAILURE,
        api_pb2.STATUS_RUNNING,
    ]
    request = api_pb2.ListSessionGroupsRequest(
        start_index=0, slice_size=1000, allowed_statuses=statuses
    )
    groups = Handler(RequestContext(), backend, "", request).run()
    ask = api_pb2.GetExperimentRequest()
    found = get_experiment.Handler(RequestContext(), backend, "", ask).run()
    return found, {group.name: group for group in groups.session_groups}


def settings_of(group):
    return {
        name: value.string_value if value.HasField("string_value") else value.number_value
        for name, value in group.hparams.items()
    }


def results_of(group):
    return {(each.name.group, each.name.tag): each.value for each in group.metric_values}


def test_the_page_lists_every_run_with_its_settings_and_last_results(tmp_path):
    events = EventFiles(tmp_path)
    strengths = {"strength=0.01": 0.01, "strength=3": 3.0}
    settings = {run: {"penalty": "L1", "strength": s} for run, s in strengths.items()}
    events.add("", 0, [experiment([*settings.values()], METRICS)])
    for run, strength in strengths.items():
        start = session_start(settings[run], seconds=100.0)
        events.add(run, 0, [start, session_end(failed=strength > 1, seconds=130.0)])
        for epoch in (1, 2):
            loss = summaries.scalar("data_loss", strength + epoch)
            events.add(f"{run}/validation", epoch, [loss])
            zeros = [summaries.scalar("zeros", epoch / 4), summaries.scalar("loss", 7.0)]
            events.add(f"{run}/train", epoch, zeros)
    events.close()
    found, groups = page(tmp_path)
    # What differs comes first.
    assert [info.name for info in found.hparam_infos] == ["strength", "penalty"]
    assert [info.display_name for info in found.metric_infos] == [m.title for m in METRICS]
    assert set(groups) == set(strengths)
    for run, strength in strengths.items():
        assert settings_of(groups[run]) == settings[run]
        expected = {("validation", "data_loss"): strength + 2, ("train", "zeros"): 0.5}
        assert results_of(groups[run]) == pytest.approx(expected)
        (session,) = groups[run].sessions
        assert session.end_time_secs - session.start_time_secs == 30.0
    from tensorboard.plugins.hparams import api_pb2

    status = {run: groups[run].sessions[0].status for run in groups}
    assert status == {
        "strength=0.01": api_pb2.STATUS_SUCCESS,
        "strength=3": api_pb2.STATUS_FAILURE,
    }


def test_names_of_regularizers_come_once_and_in_order():
    l1, mcp = keras.regularizers.L1(0.1), MCP(0.1)
    assert regularizer_names([mcp, l1, keras.regularizers.L1(0.2)]) == "MCP + L1"
    assert regularizer_names([]) == "none"

    def own(weights):
        return 0.0

    assert regularizer_names([own]) == "own"


# Keras itself needs a backend: jax, which `make test-jax` has.
@pytest.mark.skipif(find_spec("jax") is None, reason="needs a backend without TensorFlow: jax")
def test_tensorflow_is_not_imported():
    program = """
import sys
sys.modules["tensorflow"] = None  # an import of it would raise
from kerasreg.tensorboard import hparams
hparams.experiment([{"strength": 1.0}], [])
hparams.session_start({"strength": 1.0}, 0.0)
hparams.session_end(False, 0.0)
"""
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
