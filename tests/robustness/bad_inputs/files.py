"""Checkpoint folders that somebody else has made, or that are broken: none of it is obeyed.

Whoever makes such a file can also make its checksum right. What would show that something ran, or
was written to, is the file `canary`: no case may change it.
"""

import io
import json
import os
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kerasreg.checkpoints import CheckpointFolder
from tests.robustness.bad_inputs.case import Case

CALL = {"epochs": 2, "loss": "mse"}
DEEP = b"[" * 100_000


class Payload:
    """Writes to the canary when it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.write_text, (Path("canary"), "It ran.")


def opened() -> None:
    CheckpointFolder("run", CALL).close()


def loaded() -> None:
    with CheckpointFolder("run", CALL) as folder:
        folder.load("chunk")


def with_checksum(content: bytes) -> bytes:
    return content + f"{zlib.crc32(content):08x}".encode()


def made(*, chunk: bytes | None = None, call: Any = None) -> Callable[[], None]:
    """A function that makes a folder with a file of arrays, or with another `call.json`."""

    def make() -> None:
        Path("canary").write_text("Nothing ran.")
        opened()
        Path("run/.lock").unlink()
        if chunk is not None:
            Path("run/chunk.npy").write_bytes(with_checksum(chunk))
        if call is not None:
            text = call if isinstance(call, bytes) else json.dumps(call).encode()
            Path("run/call.json").write_bytes(text)

    return make


def with_link(name: str, target: str = "../canary") -> Callable[[], None]:
    def make() -> None:
        made()()
        Path("run", name).unlink(missing_ok=True)
        Path("run", name).symlink_to(target)

    return make


def with_pipe() -> None:
    made()()
    os.mkfifo("run/chunk.npy")


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def head(about: Any) -> bytes:
    text = about if isinstance(about, bytes) else json.dumps(about).encode()
    return npy(np.frombuffer(text, np.uint8))


ABOUT = {"header": {"format": "kerasreg checkpoint 1", "name": "chunk"}, "dtypes": {"w": None}}
HEAD = head(ABOUT)
OBJECTS = npy(np.array([Payload()], object))
ONES = npy(np.ones(3, "float32"))


def announced(shape: str, descr: str = "'<f4'") -> bytes:
    """A file whose array claims a shape and a dtype."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return HEAD + b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64)


def archive() -> bytes:
    file = io.BytesIO()
    np.savez(file, w=np.array([Payload()], object))
    return file.getvalue()


def chunk_case(name: str, chunk: bytes, reason: str) -> Case:
    return Case(
        f"checkpoint file: {name}",
        loaded,
        ValueError,
        f"The checkpoint file 'run/chunk.npy' is of another kind: {reason}. Delete it, and call "
        "again: this part of the run starts again",
        made(chunk=chunk),
    )


def call_case(name: str, call: Any, reason: str) -> Case:
    return Case(
        f"call.json: {name}",
        opened,
        ValueError,
        "The file 'run/call.json', which says to which call the checkpoint belongs, is damaged or "
        f"of another kind: {reason}. Pass another checkpoint_dir, or delete this folder to start "
        "anew",
        made(call=call),
    )


def other_case(name: str, call: Any, difference: str) -> Case:
    return Case(
        f"call of another: {name}",
        opened,
        ValueError,
        f"The checkpoint in 'run' belongs to another call: {difference}. Pass another "
        "checkpoint_dir, or delete this folder to start anew",
        made(call={"format": "kerasreg checkpoint 1", "call": call}),
    )


def link_case(name: str, before: Callable[[], None], call: Callable[[], None], file: str) -> Case:
    start = "The checkpoint folder 'run' cannot be used"
    end = ". Pass a checkpoint_dir that can be made and written"
    if call is loaded:
        start, end = "The checkpoint file 'run/chunk.npy' cannot be read", ""
    message = f"{start}: {file!r} is a link, or no file at all{end}"
    return Case(name, call, FileExistsError, message, before)


NO_ARRAY = f"there is no array of numbers at byte {len(HEAD)}"
CASES = [
    chunk_case("a pickle in an array", HEAD + OBJECTS, NO_ARRAY),
    chunk_case("a pickle", pickle.dumps(Payload()), "there is no array of numbers at byte 0"),
    chunk_case("an archive of pickles", archive(), "there is no array of numbers at byte 0"),
    chunk_case("a pickle for a header", OBJECTS, "there is no array of numbers at byte 0"),
    chunk_case("a shape to compute", announced("(len(open('canary', 'w').name),)"), NO_ARRAY),
    chunk_case("a shape of nested brackets", announced("(" * 900 + ")" * 900), NO_ARRAY),
    chunk_case("a dtype of objects", announced("(1,)", "'|O'"), NO_ARRAY),
    chunk_case("a dtype of fields", announced("(1,)", "[('w', '|O')]"), NO_ARRAY),
    chunk_case("a dtype of texts", announced("(1,)", "'<U4'"), NO_ARRAY),
    chunk_case(
        "a dtype that there is not", announced("(1,)", "'<f3'"), "data type '<f3' not understood"
    ),
    chunk_case(
        "an array larger than the machine",
        announced("(1099511627776, 1099511627776)"),
        "an array of shape (1099511627776, 1099511627776) would be longer than the file",
    ),
    chunk_case(
        "an array a little longer than the file",
        announced("(17,)"),
        "an array of shape (17,) would be longer than the file",
    ),
    chunk_case("a negative length", announced("(-1,)"), NO_ARRAY),
    chunk_case("an array that is missing", HEAD, NO_ARRAY),
    chunk_case("a header that is a list", head([1]), "its header does not say what it holds"),
    chunk_case("a header without dtypes", head({}), "its header does not say what it holds"),
    chunk_case(
        "a header nested too deeply",
        head(DEEP),
        "maximum recursion depth exceeded while decoding a JSON array from a unicode string",
    ),
    *(
        chunk_case(
            f"the dtype {name!r}",
            head({**ABOUT, "dtypes": {"w": name}}) + ONES,
            f"there is no dtype {name!r}",
        )
        for name in ("finfo", "__builtins__", 3)
    ),
    Case(
        "checkpoint file: a header that a terminal would obey",
        loaded,
        ValueError,
        "The checkpoint file 'run/chunk.npy' was saved under another name or by another version: "
        "�]0;title�. Delete it, and call again: this part of the run starts again",
        made(chunk=head({**ABOUT, "header": "\x1b]0;title\n"}) + ONES),
    ),
    call_case(
        "nested too deeply",
        DEEP,
        "maximum recursion depth exceeded while decoding a JSON array from a unicode string",
    ),
    call_case(
        "a long format",
        {"format": "a" * 10**6, "call": {}},
        "its format is str of 1000000, not 'kerasreg checkpoint 1'",
    ),
    other_case("of other settings", {**CALL, "epochs": 3}, "epochs is 3 there and 2 here"),
    other_case(
        "what a terminal would obey",
        {**CALL, "\x1b[2J": {"kind": "\x1b]0;title\n", "sha256": ""}},
        "�[2J is �]0;title� there and not given here",
    ),
    other_case(
        "a kind that is a mapping",
        {**CALL, "epochs": {"kind": {"a": 1}, "sha256": []}},
        "epochs is {'a': 1} there and 2 here",
    ),
    other_case(
        "a long number",
        {**CALL, "epochs": 10**4000},
        "epochs is int, 10000000000000000000… there and 2 here",
    ),
    other_case(
        "many parts",
        {**CALL, **{f"part_{i}": i for i in range(100)}},
        "; ".join(f"part_{i} is {i} there and not given here" for i in range(20)) + "; and 80 more",
    ),
    link_case("checkpoint file: a link", with_link("chunk.npy"), loaded, "chunk.npy"),
    link_case(
        "checkpoint file: a link to nowhere", with_link("chunk.npy", "no"), loaded, "chunk.npy"
    ),
    link_case(
        "checkpoint file: what never ends", with_link("chunk.npy", "/dev/zero"), loaded, "chunk.npy"
    ),
    link_case("checkpoint file: a pipe", with_pipe, loaded, "chunk.npy"),
    link_case("call.json: a link", with_link("call.json"), opened, "call.json"),
    link_case("call.json: a link to nowhere", with_link("call.json", "no"), opened, "call.json"),
    link_case("lock: a link", with_link(".lock"), opened, ".lock"),
]
