import json
import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec

import numpy as np
import pytest

from kerasreg.tensorboard import summaries
from kerasreg.tensorboard.event_files import EventFiles
from tests.test_event_files import read

pytest.importorskip("tensorboard")

# Eight bytes that every PNG file begins with, then a chunk with width 3 and height 2.
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0\0\0\3" + b"\0\0\0\2" + b"the rest"


def written(folder, *entries):
    events = EventFiles(folder)
    events.add("", 3, entries)
    events.close()
    return {tag: values[3] for tag, values in read(folder).items() if 3 in values}


def test_each_kind_of_entry_is_read_back(tmp_path):
    rows = np.array([[-0.5, 0.5, 3.0], [0.5, 1.5, 1.0]])
    found = written(
        tmp_path,
        summaries.scalar("loss", 0.1),
        summaries.histogram("dense/kernel", rows),
        summaries.image("figure", PNG),
        summaries.text("note", "λ = **0.1**"),
    )
    assert found["loss"] == np.float32(0.1)
    np.testing.assert_array_equal(found["dense/kernel"], rows)
    assert found["figure"].tolist() == [b"3", b"2", PNG]
    assert found["note"].item().decode() == "λ = **0.1**"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1e300, 0.0])
def test_a_scalar_may_be_any_number(tmp_path, value):
    (found,) = written(tmp_path, summaries.scalar("loss", value)).values()
    np.testing.assert_array_equal(found, -np.inf if value == -1e300 else value)


def test_an_empty_histogram_is_read_back(tmp_path):
    found = written(tmp_path, summaries.histogram("dense/kernel", np.zeros((0, 3))))
    assert found["dense/kernel"].shape == (0, 3)


def test_plugins_are_those_of_tensorboard():
    kinds = {
        "scalars": summaries.scalar("a", 1.0),
        "histograms": summaries.histogram("a", np.zeros((1, 3))),
        "images": summaries.image("a", PNG),
        "text": summaries.text("a", "b"),
        "custom_scalars": summaries.layout({"a": {"b": ["c"]}}),
    }
    for name, entry in kinds.items():
        assert entry.metadata.plugin_data.plugin_name == name


def test_layout_keeps_titles_and_order(tmp_path):
    from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

    categories = {"second": {"z": ["^b$", "^a$"], "a": ["^c/"]}, "first": {"x": ["d"]}}
    (content,) = written(tmp_path, summaries.layout(categories)).values()
    page = Layout.FromString(content.item())
    found = {
        category.title: {chart.title: list(chart.multiline.tag) for chart in category.chart}
        for category in page.category
    }
    assert json.dumps(found) == json.dumps(categories)  # in the same order


# Keras itself needs a backend: jax, which `make test-jax` has.
@pytest.mark.skipif(find_spec("jax") is None, reason="needs a backend without TensorFlow: jax")
def test_entries_and_files_need_no_tensorflow(tmp_path):
    program = """
        import sys
        sys.modules["tensorflow"] = None  # to import it is an error
        import numpy as np
        from kerasreg.tensorboard import summaries
        from kerasreg.tensorboard.event_files import EventFiles

        events = EventFiles(sys.argv[1])
        picture = summaries.image("b", bytes(24))
        kernel = summaries.histogram("c", np.zeros((2, 3)))
        events.add("", 1, [summaries.scalar("a", 1.0), picture, kernel, summaries.text("d", "e")])
        events.close()
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        check=True,
        timeout=120,
    )
    assert set(read(tmp_path)) == {*"abcd", "custom_scalars__config__"}
