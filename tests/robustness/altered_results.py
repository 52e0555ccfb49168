"""Results of an experiment, written and altered, and a check that they are refused."""

import os
from pathlib import Path

import pandas as pd

from experiments.outcome import Finding, Outcome, Spread
from experiments.runner import storage

REPOSITORY = Path(__file__).parents[2]
SOURCES = sorted(
    p for name in ("kerasreg", "experiments") for p in (REPOSITORY / name).rglob("*.py")
)


def files_below(folder):
    return {
        path: os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
        if path.name != ".lock" or path.is_symlink()
    }


def write_result(out, name="a", statement="It grows."):
    spread = Spread.of("share", [0.5, 0.6])
    finding = Finding("C1", "confirmed", "A rule.", spread, {"n": 1}, statement)
    facts = {"experiment": name, "title": "Title", "description": "About.", "question": "Why?"}
    run = {
        "quick": False,
        "settings": {},
        "seeds": [0, 1],
        "backend": "tensorflow",
        "versions": {"keras": "3.15.1", "tensorflow": "2.21.0"},
        "device": {"cpu": "Some CPU", "cores": 2},
        "seconds": 12.3,
    }
    tables = {"t": pd.DataFrame({"seed": [0, 1], "word": ["x", "y"], "value": [0.5, 0.25]})}
    written = storage.as_files(Outcome(tables, {}), lambda tables: [finding], facts, run)
    storage.replace_folder(Path(out) / name, written)


NOT_JSON = {
    b"": "Expecting value",
    b'{"experiment": "a", "ti': "Unterminated string",
    b"\xff\xfe\x00": "'utf-",
    b"\x80abc": "'utf-8' codec can't decode",
    b"\x00\x01\x02\x03": "",
    b"[]": "",
    b"3": "",
    b"[" * 100_000: "Nested too deeply",
    b'{"a": ' + b"9" * 5000 + b"}": "Exceeds the limit",
}
