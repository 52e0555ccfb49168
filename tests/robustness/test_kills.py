"""The script that kills runs: in short, and whether it sees what it looks for."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import experiments.runner.report  # noqa: F401 before there is a copy of it
from kerasreg.checkpoints import CheckpointFolder
from tests.robustness.killed_experiments import Results
from tests.robustness.killed_paths import Paths
from tests.robustness.killed_runs import ENVIRONMENT, ROOT, Start

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills and forks of POSIX")


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "arguments",
    [["results", "--experiments", "two_gaussians"], ["path", "--epochs", "6"]],
    ids=["results", "path"],
)
def test_two_kills(arguments):
    command = [sys.executable, "-m", "tests.robustness.kills", *arguments]
    command += ["--kills", "2", "--seed", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert re.match(
        r"2 kills \(.*\), (\d) of \1 runs ended, with 0 differences; 0 torn files, 0 finished "
        r"pieces lost, 0 done again; ",
        last,
    ), done.stdout


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch):
    """The script puts a copy of the packages first, for itself and for what it starts."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [*ENVIRONMENT, "PYTHONPATH"]:
        monkeypatch.setenv(name, os.environ.get(name, ""))


@pytest.mark.backend_free
def test_a_kill_takes_the_workers_as_well(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import os, subprocess, sys, time\n"
        "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    log = tmp_path / "log"
    start = Start([str(program)], tmp_path, log, fresh=True)
    try:
        while not (log.exists() and log.read_text().endswith("\n")):
            assert start.poll() is None
            time.sleep(0.01)
    finally:
        start.kill()
    assert start.wait() == -9
    with pytest.raises(ProcessLookupError):
        os.killpg(start.pid, 0)
    worker = Path(f"/proc/{int(log.read_text())}/stat")
    assert not worker.exists() or worker.read_text().split()[2] == "Z"


class Log:
    """A start that has printed something."""

    def __init__(self, path, text):
        self.log = path
        path.write_text(text)


def chunk(folder, name, epochs):
    folder.save(name, {"epochs_done": np.array(epochs), "w": np.zeros(3)})


@pytest.mark.backend_free
def test_what_is_wrong_with_a_path_is_seen(tmp_path):
    paths = Paths(tmp_path, True, 3)
    folder = tmp_path / "run"
    assert (paths.done(folder), list(paths.torn(folder, 1))) == ({}, [])
    with CheckpointFolder(folder, {}) as checkpoint:
        chunk(checkpoint, "chunk_00000", 3)
        chunk(checkpoint, "chunk_00001", 2)
    done = paths.done(folder)
    assert done == {"chunk_00000": 3, "chunk_00001": 2}
    assert list(paths.torn(folder, 1)) == []
    log = Log(tmp_path / "log", "trained chunk_00001 3\ntrained chunk_00002 1\n")
    assert list(paths.again(log, done)) == []
    log = Log(tmp_path / "log", "trained chunk_00001 2\ntrained chunk_00000 1\n")
    assert len(list(paths.again(log, done))) == 2
    path = folder / "chunk_00001.npy"
    path.write_bytes(path.read_bytes()[:-9])
    (folder / "call.json").write_text("{")
    assert len(list(paths.torn(folder, 1))) == 2


def made_results(folder, names, rows="1\n2\n"):
    for name in names:
        decisive = {"name": "n", "median": 1.0, "least": 1.0, "largest": 1.0, "n_runs": 1}
        found = {"experiment": name, "title": name, "question": "?", "description": ""}
        found["findings"] = [
            {"claim": "C1", "verdict": "confirmed", "rule": "r", "statement": "s", "numbers": {}}
            | {"decisive": decisive}
        ]
        run = {"quick": True, "seeds": [], "seconds": 1.5, "backend": "tensorflow"}
        run |= {"versions": {"keras": "3"}, "device": {"cpu": "c", "cores": 2}}
        (folder / name).mkdir(parents=True)
        (folder / name / "values.csv").write_text(f"value\n{rows}")
        (folder / name / "findings.json").write_text(json.dumps(found))
        (folder / name / "run.json").write_text(json.dumps(run))


@pytest.mark.backend_free
def test_what_is_wrong_with_results_is_seen(tmp_path):
    results = Results(tmp_path, True, ("a", "b"))
    results.time = lambda folder, number: made_results(folder, "ab") or results._write_index(folder)
    results.undisturbed()
    for number in (1, 2):  # into an empty folder, and into one with older results
        folder = tmp_path / f"run_{number}"
        folder.mkdir()
        folder.rmdir()
        results.begin(folder, number)
        if number == 1:
            made_results(folder, "a")
            results._write_index(folder)
        assert list(results.torn(folder, number)) == []
        if number == 1:
            made_results(folder, "b")  # not in the index yet
        assert list(results.torn(folder, number)) == []
        index = folder / "README.md"
        whole = index.read_bytes()
        index.write_bytes(whole[:-10])
        assert list(results.torn(folder, number)) == [
            "README.md is not drawn from what is or was there"
        ]
        index.write_bytes(whole)
        table = folder / "b" / "values.csv"
        table.write_text("value\n1\n")
        assert next(results.torn(folder, number)).startswith("b is neither")
        (folder / ".progress.json").write_text("{")
        assert any(".progress.json" in line for line in results.torn(folder, number))
        (folder / ".progress.json").write_text('{"a": "1"}')
        done = results.done(folder)
        assert done == {"a": 1}
        for text, faults in (
            ("Going on with the unfinished run: a done already (…\n[2/2] b: 1.0 s, new\n", 0),
            ("[2/2] b: 1.0 s, new\n", 1),
            ("Going on with the unfinished run: a done already (…\n[1/2] a: 1.0 s, new\n", 1),
        ):
            assert len(list(results.again(Log(tmp_path / "log", text), done))) == faults, text


@pytest.mark.backend_free
def test_results_that_do_not_end_alike_are_seen(tmp_path):
    results = Results(tmp_path, True, ("a", "b"))
    results.time = lambda folder, number: made_results(folder, "ab") or results._write_index(folder)
    results.undisturbed()
    folder = tmp_path / "run"
    made_results(folder, "ab")
    results._write_index(folder)
    assert list(results.differences(folder, 1)) == []
    (folder / "b" / "values.csv").write_text("value\n3\n")
    (folder / ".progress.json").touch()
    (folder / ".README.md.1.tmp").touch()
    assert len(list(results.differences(folder, 1))) == 3
    assert results.leftovers(folder) == [".README.md.1.tmp"]
