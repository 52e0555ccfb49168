"""A folder belongs to one call: any other call is refused with what differs."""

import json
from pathlib import Path

import numpy as np
import pytest

from kerasreg.checkpoints import CheckpointFolder
from tests.checkpoints.folders import CALL, NAN_WITH_PAYLOAD, files, message_of

pytestmark = pytest.mark.backend_free


def check_difference(folder, old, new, difference):
    CheckpointFolder(folder, old).close()
    before = files(folder)
    message = message_of(ValueError, lambda: CheckpointFolder(folder, new))
    assert message == (
        f"The checkpoint in {str(folder)!r} belongs to another call: {difference}. "
        "Pass another checkpoint_dir, or delete this folder to start anew"
    )
    assert files(folder) == before
    CheckpointFolder(folder, old).close()  # the refused call has let go of the folder


X = np.zeros((442, 10), "float32")
X2 = X.copy()

X2[3, 4] = 1e-45

TEXT = "{" + "a" * 99
DIFFERENCES = {
    "scalar": ({"epochs": 20}, {"epochs": 10}, "epochs is 20 there and 10 here"),
    "type": ({"epochs": 1}, {"epochs": 1.0}, "epochs is 1 there and 1.0 here"),
    "bool": ({"shuffle": True}, {"shuffle": 1}, "shuffle is True there and 1 here"),
    "sign of zero": ({"l1": 0.0}, {"l1": -0.0}, "l1 is 0.0 there and -0.0 here"),
    "last bit": (
        {"l1": 0.3},
        {"l1": 0.1 + 0.2},
        "l1 is 0.3 there and 0.30000000000000004 here",
    ),
    "None": ({"loss": None}, {"loss": "mse"}, "loss is None there and 'mse' here"),
    "not there": ({}, {"epochs": 3}, "epochs is not given there and 3 here"),
    "not here": ({"x": X}, {}, "x is float32 of shape (442, 10) there and not given here"),
    "list": ({"s": [1.0, 2.0]}, {"s": (1.0,)}, "s is [1.0, 2.0] there and [1.0] here"),
    "numpy list": (
        {"s": np.array([1.0, 0.1])},
        {"s": np.array([1.0, 0.2])},
        "s is [1.0, 0.1] there and [1.0, 0.2] here",
    ),
    "long list": (
        {"s": list(range(50))},
        {"s": [*range(49), 7]},
        "s differs (list of 50, other values)",
    ),
    "array": ({"x": X}, {"x": X2}, "x differs (float32 of shape (442, 10), other values)"),
    "dtype": (
        {"x": X},
        {"x": X.astype("float64")},
        "x is float32 of shape (442, 10) there and float64 of shape (442, 10) here",
    ),
    "bits of NaN": (
        {"x": NAN_WITH_PAYLOAD[:1]},
        {"x": np.array([np.nan], "float32")},
        "x differs (float32 of shape (1,), other values)",
    ),
    "text": (
        {"model": TEXT},
        {"model": TEXT[:-1] + "b"},
        "model differs (text of 100 characters, other values)",
    ),
    "texts": (
        {"y": np.array(["a", "b"])},
        {"y": np.array(["a", "c"])},
        "y differs (<U1 of shape (2,), other values)",
    ),
    "objects": (
        {"y": np.array(["a", 1.0], object)},
        {"y": np.array(["a", 2.0], object)},
        "y differs (object of shape (2,), other values)",
    ),
    "inner": (
        {"x": {"image": X, "more": [X, 1]}},
        {"x": {"image": X2, "more": [X, 2]}},
        "x[image] differs (float32 of shape (442, 10), other values); "
        "x[more][1] is 1 there and 2 here",
    ),
    "several": (
        {"epochs": 20, "x": X, "seed": 0},
        {"x": X2, "seed": 0, "epochs": 10},
        "x differs (float32 of shape (442, 10), other values); epochs is 20 there and 10 here",
    ),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_a_folder_of_another_call_is_refused(tmp_path, case):
    check_difference(tmp_path / "run", *DIFFERENCES[case])


def test_a_bfloat16_array_in_the_description(tmp_path):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    old, new = ({"x": np.array([value], bfloat16)} for value in (1.0, 2.0))
    check_difference(tmp_path, old, new, "x differs (bfloat16 of shape (1,), other values)")


def test_an_equal_call_may_go_on(tmp_path):
    def description():
        return {
            "x": {"a": X.copy(), "b": [np.array(["p", "q"]), np.float32(0.1)]},
            "strengths": np.logspace(-3, 0, 40),
            "nan": [float("nan"), np.array([np.nan])],
            "model": TEXT,
            "path": Path("a"),
            "weights": {0: 1.0, 1: np.int64(2), "long double": np.longdouble(1) / 3},
        }

    CheckpointFolder(tmp_path, description()).close()
    before = files(tmp_path)
    # Neither the order of the parts nor the memory order of an array says what a call is.
    again = dict(reversed(description().items()))
    again["x"] = {"b": again["x"]["b"], "a": np.asfortranarray(X)}
    CheckpointFolder(tmp_path, again).close()
    assert files(tmp_path) == before


def test_call_json_is_small_and_readable(tmp_path):
    CheckpointFolder(tmp_path, {**CALL, "x": X, "model": "m" * 10**6}).close()
    text = (tmp_path / "call.json").read_text()
    assert len(text) < 1000
    call = json.loads(text)["call"]
    assert call["epochs"] == 20
    assert call["strengths"] == [0.1, 0.01]
    assert call["x"]["kind"] == "float32 of shape (442, 10)"
    assert len(call["x"]["sha256"]) == 64


@pytest.mark.parametrize("value", [object(), {1, 2}, [lambda: 0], np.zeros(1, "f4,i4")])
def test_a_part_that_cannot_be_described_is_refused_before_anything_is_made(tmp_path, value):
    message = message_of(TypeError, lambda: CheckpointFolder(tmp_path / "run", {"x": value}))
    part, kind = ("x[0]", "function") if isinstance(value, list) else ("x", type(value).__name__)
    assert message == (
        f"The part `{part}` of the description of a call must be a number, a text, an array, or a "
        f"list or mapping of them. Received: an object of type {kind}"
    )
    assert not (tmp_path / "run").exists()


OURS = b'{"format": "kerasreg checkpoint 1"'
NOT_CALLS = [b"", b'{"format"', b"\xff\xfe", b"[]", b"3", b"null", b"{}", b'{"format": "other"}']


@pytest.mark.parametrize("content", [*NOT_CALLS, OURS + b"}", OURS + b', "call": 3}'])
def test_a_damaged_call_json_is_named(tmp_path, content):
    CheckpointFolder(tmp_path, CALL).close()
    path = tmp_path / "call.json"
    path.write_bytes(content)
    message = message_of(ValueError, lambda: CheckpointFolder(tmp_path, CALL))
    assert message.startswith(
        f"The file {str(path)!r}, which says to which call the checkpoint belongs, is damaged"
    )
    assert "delete this folder" in message
    assert path.read_bytes() == content


def test_a_cut_call_json_is_never_taken(tmp_path):
    CheckpointFolder(tmp_path, CALL).close()
    path = tmp_path / "call.json"
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert "is damaged" in message_of(ValueError, lambda: CheckpointFolder(tmp_path, CALL))
