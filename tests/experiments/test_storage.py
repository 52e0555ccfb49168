"""How results are written: equal ones as equal bytes, and never half of them."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_experiments import (
    REPOSITORY,
    contents,
    ran,
)
from matplotlib.figure import Figure

from experiments.outcome import Outcome
from experiments.runner import storage

pytestmark = pytest.mark.backend_free


def test_numbers_are_written_with_six_digits_and_no_negative_zero():
    table = pd.DataFrame(
        {
            "float64": [1 / 3, -0.0, np.nan],
            "float32": np.array([1 / 3, 1e-20, np.inf], "float32"),
            "object": [1 / 3, "text", 7],
            "integer": [123456789, 0, 1],
        }
    )
    text = storage.as_files(Outcome({"t": table}, {}), None, {}, {})["t.csv"].decode()
    assert text == (
        "float64,float32,object,integer\n"
        "0.333333,0.333333,0.333333,123456789\n"
        "0,1e-20,text,0\n"
        ",inf,7,1\n"
    )


def test_json_takes_numpy_numbers_infinity_and_paths():
    value = {
        "a": np.float32(1 / 3),
        "b": [np.int64(2), np.bool_(True)],
        "c": float("inf"),
        "d": Path("x"),
        "e": None,
    }
    assert json.loads(storage.as_json(value)) == {
        "a": 0.333333,
        "b": [2, True],
        "c": "inf",
        "d": "x",
        "e": None,
    }


def test_equal_figures_are_equal_files():
    def png():
        figure = Figure(figsize=(3, 2), layout="constrained")
        figure.add_subplot().plot([1, 2, 3])
        return storage.as_files(Outcome({}, {"f": figure}), None, {}, {})["f.png"]

    first = png()
    assert first.startswith(b"\x89PNG")
    assert int.from_bytes(first[16:20], "big") == 3 * storage.DPI
    assert b"Matplotlib" not in first
    assert first == png()


# A run that finds the same


def test_a_second_run_that_finds_the_same_leaves_every_byte(package, capsys):
    package.add("a", body="time.sleep(float(Path('pause').read_text()))")
    Path("pause").write_text("0")
    package.run()
    before, inode = contents("results"), Path("results/a").stat().st_ino
    Path("pause").write_text("0.2")
    capsys.readouterr()
    assert package.run() == 0
    assert contents("results") == before
    assert Path("results/a").stat().st_ino == inode
    assert ran() == ["a", "a"]
    assert "[1/1] a: 0.2 s, as before" in capsys.readouterr().out


def test_new_results_replace_all_files_of_old_ones(package):
    package.add("a")
    package.run()
    Path("results/a/of-last-year.csv").write_text("old")
    package.add("a", body="settings = Settings(seeds=(0, 1))")
    assert package.run() == 0
    assert sorted(contents("results/a")) == ["findings.json", "run.json", "values.csv"]
    assert Path("results/a/values.csv").read_text() == "seed,value\n0,0\n1,0.333333\n"


@pytest.mark.parametrize(
    ("changed", "old_run_stays"),
    [("figure.png", True), ("values.csv", False), ("findings.json", False), ("other.csv", False)],
)
def test_the_old_run_stays_where_only_a_figure_changes(tmp_path, changed, old_run_stays):
    folder = tmp_path / "a"
    files = {"values.csv": b"1", "figure.png": b"2", "findings.json": b"3"}
    first, second = b'{"versions": 1, "seconds": 1.0}\n', b'{"versions": 1, "seconds": 2.0}\n'
    assert storage.replace_folder(folder, {**files, "run.json": first})
    assert not storage.replace_folder(folder, {**files, "run.json": second})
    new = {**files, changed: b"new", "run.json": second}
    assert storage.replace_folder(folder, new)
    assert contents(folder) == {**new, "run.json": first if old_run_stays else second}


def test_another_version_is_news(tmp_path):
    storage.replace_folder(tmp_path / "a", {"run.json": b'{"versions": 1, "seconds": 1.0}'})
    assert storage.replace_folder(tmp_path / "a", {"run.json": b'{"versions": 2, "seconds": 1.0}'})


def test_a_full_disk_is_one_line_and_leaves_the_old_results(package, capsys, monkeypatch):
    package.add("a")
    package.run()
    before = contents("results")
    package.add("a", body="settings = Settings(seeds=(5,))")
    write = Path.write_bytes

    def full(path, content):
        write(path, content[: len(content) // 2])
        if path.name == "run.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    capsys.readouterr()
    assert package.run() == 1
    assert capsys.readouterr().err == "Cannot write 'results/a': No space left on device.\n"
    found = contents("results")
    assert found.pop(".progress.json") == b"{}\n"
    assert found == before


def test_a_folder_that_cannot_be_moved_into_its_place_is_put_back(tmp_path, monkeypatch):
    folder = tmp_path / "a"
    storage.replace_folder(folder, {"run.json": b'{"v": 1}'})
    rename = Path.rename

    def stubborn(path, target):
        if path.suffix == ".tmp":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", stubborn)
    with pytest.raises(storage.CannotWrite, match=r"^Cannot write '.*/a': Input/output error\.$"):
        storage.replace_folder(folder, {"run.json": b'{"v": 2}'})
    assert contents(tmp_path) == {"a/run.json": b'{"v": 1}'}


# One process forks for every write and rename of a run, kills the fork just before that one, looks
# at what is there, and lets another fork go on.
KILL_EVERYWHERE = """
import os, re, shutil, signal, sys
from pathlib import Path
import pandas
from experiments import runner

def fork(function):
    child = os.fork()
    if child == 0:
        os._exit(function())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def files(folder):
    # The seconds that a run takes are others each time.
    timeless = lambda content: re.sub(rb'"seconds": [0-9.]+', b"", content)
    return {path.name: timeless(path.read_bytes()) for path in Path(folder).iterdir()}

def run():
    sys.stdout = open(os.devnull, "w")
    return runner.main(["--seeds", "2"], package=PACKAGE)

def dies_before(step):
    left = [step]
    def one_step():
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
    def wrapped(function):
        def call(*arguments, **options):
            one_step()
            if function is write_bytes:
                function(arguments[0], arguments[1][:7])
                one_step()
            return function(*arguments, **options)
        return call
    write_bytes = Path.write_bytes
    for name in ("write_bytes", "rename", "replace", "mkdir"):
        setattr(Path, name, wrapped(getattr(Path, name)))
    remove = shutil.rmtree
    shutil.rmtree = wrapped(remove)
    return run()

shutil.copytree("results", "old")
assert fork(run) == 0
new = files("results/a")
whole = {path: path.read_bytes() for path in Path("results").rglob("*") if path.is_file()}
assert new != files("old/a")
indices = [Path(out, "README.md").read_bytes() for out in ("old", "results")]
step, missing = 0, 0
while True:
    shutil.rmtree("results")
    shutil.copytree("old", "results")
    status = fork(lambda: dies_before(step))
    if status == 0:
        break
    assert status == -signal.SIGKILL, status
    assert Path("results/README.md").read_bytes() in indices, step
    if Path("results/a").exists():
        assert files("results/a") in (new, files("old/a")), step
    else:
        missing += 1
        assert list(Path("results").glob(".a.*.old")), step
    assert fork(run) == 0
    after = {path: path.read_bytes() for path in Path("results").rglob("*") if path.is_file()}
    if whole.keys() != after.keys():
        raise AssertionError((step, whole.keys() ^ after.keys()))
    for path, content in whole.items():
        assert path.name == "run.json" or after[path] == content, (step, path)
    step += 1
print(step, missing)
"""


def test_a_run_killed_before_any_step_leaves_old_or_new_and_never_a_mix(package):
    package.add("a")
    package.run()
    path = os.pathsep.join([str(REPOSITORY), str(Path.cwd())])
    done = subprocess.run(
        [sys.executable, "-c", KILL_EVERYWHERE.replace("PACKAGE", repr(package.name))],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    steps, missing = map(int, done.stdout.split())
    assert steps >= 20
    assert missing == 1  # between the two renames, and the next run put it back


def test_what_dead_runs_left_is_removed_and_what_others_write_stays(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    dead, alive = process.pid, os.getppid()
    for name in (f".a.{dead}.tmp", f".a.{alive}.tmp", f".b.{dead}.old", f".c.{dead}.old", "c"):
        (tmp_path / name).mkdir()
    for name in (f".README.md.{dead}.tmp", ".other.tmp", f"a.{dead}.tmp"):
        (tmp_path / name).touch()
    storage.clean_up(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [f".a.{alive}.tmp", "b", "c", ".other.tmp", f"a.{dead}.tmp"]
    )
