"""Data sets and checkpoints of somebody else: refused in a line, and nothing is touched."""

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kerasreg
from tests.robustness.altered_results import files_below
from tests.robustness.bad_inputs import files, subjects
from tests.robustness.bad_inputs.case import Case

# Downloaded data


def test_a_data_set_that_is_a_pickle_is_not_opened(tmp_path, monkeypatch):
    """Keras reads them with pickles allowed, but checks what they are before."""

    def no_network(*_, **__):
        raise OSError("no network")

    place = tmp_path / "datasets"
    place.mkdir()
    monkeypatch.chdir(tmp_path)
    Path("canary").write_text("Nothing ran.")
    objects = np.array([files.Payload()], object)
    for name in ("mnist.npz", "imdb.npz"):
        np.savez(place / name, x_train=objects, y_train=objects, x_test=objects, y_test=objects)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", no_network)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    for name in ("mnist", "imdb"):
        with pytest.raises(OSError, match=r"Cannot (read|download)"):
            kerasreg.datasets.load(name)
    assert Path("canary").read_text() == "Nothing ran."


# Checkpoints


@pytest.mark.backend_free
@pytest.mark.parametrize("case", files.CASES, ids=lambda case: case.name)
def test_a_checkpoint_of_somebody_else(case: Case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    case.before()
    before = files_below(tmp_path)
    with pytest.raises(case.error) as raised:
        case.call()
    assert type(raised.value) is case.error
    assert str(raised.value) == case.message
    assert files_below(tmp_path) == before
    assert Path("canary").read_text() == "Nothing ran."


@pytest.mark.backend_free
def test_the_payloads_of_these_cases_do_run_where_pickles_are_allowed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.load(io.BytesIO(files.OBJECTS), allow_pickle=True)
    assert Path("canary").read_text() == "It ran."


@pytest.mark.backend_free
def test_a_lock_that_is_another_name_of_a_file_leaves_that_file_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files.made()()
    os.link("canary", "run/.lock")
    files.opened()
    assert Path("canary").read_text() == "Nothing ran."


@pytest.mark.tensorflow
def test_a_path_refuses_the_checkpoint_of_somebody_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"strengths": [0.1, 0.2], "checkpoint_dir": "run"}
    first = subjects.path(**settings).weights
    whole = Path("run/chunk_00000.npy").read_bytes()
    Path("canary").write_text("Nothing ran.")
    broken = "The checkpoint file 'run/chunk_00000.npy' {}"
    again = ". Delete it, and call again: this part of the run starts again"
    kind = "is of another kind: there is no array of numbers at byte "
    contents = {
        files.with_checksum(files.HEAD + files.OBJECTS): f"{kind}{len(files.HEAD)}{again}",
        whole[:-1]: f"is damaged: its checksum does not match its content{again}",
        b"": f"is damaged: its checksum does not match its content{again}",
    }
    for content, message in contents.items():
        Path("run/chunk_00000.npy").write_bytes(content)
        with pytest.raises(ValueError) as raised:
            subjects.path(**settings)
        assert str(raised.value) == broken.format(message)
    Path("run/chunk_00000.npy").write_bytes(whole)
    with pytest.raises(
        ValueError, match=r"^The checkpoint in 'run' belongs to another call: [^\n]*$"
    ):
        subjects.path(**{**settings, "strengths": [0.1, 0.3]})
    pd.testing.assert_frame_equal(subjects.path(**settings).weights, first)
    assert Path("canary").read_text() == "Nothing ran."
