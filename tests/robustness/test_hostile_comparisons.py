"""Verifying against broken results, what dead runs have left, and who may see TensorBoard."""

import json
import os
import re
from pathlib import Path

import pytest

from experiments.runner import report, storage, verification
from experiments.runner.discovery import Experiment
from experiments.runner.unfinished import UnfinishedRun
from tests.robustness.altered_results import NOT_JSON, REPOSITORY, SOURCES, write_result

THIS = Experiment("a", "Title", "", "Why?", (), (), ("t.value",), False, Path("a.py"))

BROKEN_TABLES = {
    "empty": (b"", "a/t.csv: cannot be read: No columns to parse from file"),
    "not UTF-8": (b"seed,word,value\n0,\xff\xfe,1\n", "a/t.csv: cannot be read: 'utf-8' codec"),
    "a row too long": (b"seed\n0\n1,2,3\n", "a/t.csv: cannot be read: Error tokenizing data"),
    "an open quote": (b'seed,word,value\n0,"x,1\n', "a/t.csv: cannot be read: "),
    "binary": (bytes(range(256)), "a/t.csv: "),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(50), "a/t.csv: "),
    "one column": (b"seed\n0\n1\n", "a/t.csv: columns were seed, are seed, word"),
    "half a row": (b"seed,word,value\n0,x", "a/t.csv: rows were 1, are 2"),
    "endless": (b"seed,word,value\n0,x,1\n1e999,y,1\n", "a/t.csv: column seed differs in 1 of 2"),
    "huge": (
        b"seed,word,value\n0,x,1\n" + b"9" * 5000 + b",y,1\n",
        "a/t.csv: column seed differs",
    ),
    "texts": (b"seed,word,value\nzero,x,1\none,y,1\n", "a/t.csv: column seed differs in 2 of 2"),
    "a formula": (
        b"seed,word,value\n0,=cmd|' /C calc'!A0,1\n1,y,1\n",
        "a/t.csv: column word differs in 1 of 2 rows, first in row 1: was =cmd",
    ),
    "what a terminal would obey": (
        b"seed,word,value\n0,\x1b]0;title\x07,1\n1,y,1\n",
        "a/t.csv: column word differs in 1 of 2 rows, first in row 1: was �]0;title�, is x",
    ),
    "a name that a terminal would obey": (
        b"seed,\x1b[2J,value\n0,x,1\n1,y,1\n",
        "a/t.csv: columns were seed, �[2J, are seed, word",
    ),
}


@pytest.mark.backend_free
@pytest.mark.parametrize("case", BROKEN_TABLES)
def test_verifying_against_a_broken_table_is_one_line(case, tmp_path):
    content, message = BROKEN_TABLES[case]
    for folder in ("old", "new"):
        write_result(tmp_path / folder)
    (tmp_path / "old" / "a" / "t.csv").write_bytes(content)
    lines = list(verification.differences(THIS, tmp_path / "old", tmp_path / "new"))
    assert len(lines) == 1
    assert lines[0].startswith(message)
    assert lines[0].isprintable()
    assert len(lines[0]) < 600


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "it has no 'findings.json'"),
        *((content, message) for content, message in NOT_JSON.items()),
        (b"{}", "it has no 'findings'"),
        (b'{"findings": [{}]}', "it has no 'claim'"),
        (b'{"findings": 3}', ""),
    ],
    ids=lambda x: repr(x)[:20],
)
def test_verifying_against_broken_findings_is_one_line(content, message, tmp_path):
    for folder in ("old", "new"):
        write_result(tmp_path / folder)
    path = tmp_path / "old" / "a" / "findings.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    lines = list(verification.differences(THIS, tmp_path / "old", tmp_path / "new"))
    assert len(lines) == 1
    assert lines[0].startswith(f"a/findings.json: cannot be read: {message}")
    assert lines[0].isprintable()


@pytest.mark.backend_free
@pytest.mark.parametrize(
    "content", [b"[]", b"3", b"{", b"[" * 100_000, b"\xff"], ids=lambda c: repr(c)[:12]
)
def test_a_broken_run_json_is_replaced(content, tmp_path):
    write_result(tmp_path)
    path = tmp_path / "a" / "run.json"
    whole = path.read_bytes()
    path.write_bytes(content)
    write_result(tmp_path)
    assert path.read_bytes() == whole


@pytest.mark.backend_free
def test_what_dead_runs_seem_to_have_left_leads_nowhere_else(tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    for folder in (out, elsewhere):
        folder.mkdir()
    (elsewhere / "thesis.tex").write_text("text")
    dead = 2**22 + 1  # beyond the largest number that Linux gives
    (out / f".a.{dead}.tmp").symlink_to(elsewhere)
    (out / f".b.{'9' * 30}.tmp").mkdir()
    (out / f"....{dead}.old").mkdir()
    (out / "a").symlink_to(elsewhere)
    (out / f".a.{dead}.old").symlink_to(elsewhere)
    storage.clean_up(out)
    assert os.listdir(out) == ["a"]
    write_result(out)
    assert not (out / "a").is_symlink()
    storage.clean_up(out)
    assert (elsewhere / "thesis.tex").read_text() == "text"


@pytest.mark.backend_free
@pytest.mark.parametrize(
    "content",
    [b"", b"[1]", b"{", b"\xff", b"[" * 100_000, b'{"a": [1], "../b": "x"}'],
    ids=lambda content: repr(content)[:12],
)
def test_a_broken_record_of_progress_is_started_anew(content, tmp_path):
    (tmp_path / ".progress.json").write_bytes(content)
    unfinished = UnfinishedRun(tmp_path)
    assert not unfinished.has("a", "mark")
    unfinished.add("a", "mark")
    assert json.loads((tmp_path / ".progress.json").read_text())["a"] == "mark"
    assert os.listdir(tmp_path) == [".progress.json"]


@pytest.mark.backend_free
def test_files_of_results_that_are_none_are_left_out(tmp_path):
    write_result(tmp_path)
    os.mkfifo(tmp_path / "a" / "pipe.csv")
    (tmp_path / "a" / "endless.csv").symlink_to("/dev/zero")
    (tmp_path / "a" / "folder.png").mkdir()
    report.write_index(tmp_path)
    page = (tmp_path / "README.md").read_text()
    assert "Tables: [t.csv](a/t.csv) (2 rows). Numbers" in page
    assert "folder" not in page


@pytest.mark.backend_free
def test_tensorboard_is_for_this_machine_alone():
    paths = [REPOSITORY / name for name in ("Makefile", "README.md", "pyproject.toml")]
    paths += [*SOURCES, *(REPOSITORY / ".ci").rglob("*"), *(REPOSITORY / "tests/browser").glob("*")]
    started = []
    for path in paths:
        if not path.is_file() or path.suffix in (".png", ".pyc"):
            continue
        text = path.read_text(encoding="utf-8")
        assert "bind_all" not in text, path
        assert "0.0.0.0" not in text, path
        # What stands before --logdir starts it; its own default is the loopback address.
        for line in text.splitlines():
            if re.search(r"tensorboard\S* .*--logdir", line):
                hosts = re.findall(r"--host[ =](\S+)", line)
                assert hosts in ([], ["127.0.0.1"]), line
                started.append((path.name, hosts))
    assert ("Makefile", ["127.0.0.1"]) in started
    assert ("README.md", ["127.0.0.1"]) in started
