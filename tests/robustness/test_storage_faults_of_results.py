"""Results on disks that are full or read-only, under clocks that go back, written by two."""

import errno
import importlib
import itertools
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments import runner
from experiments.runner import report, storage
from experiments.runner.unfinished import UnfinishedRun
from tests.robustness.faulty_storage import contents, from_the_future, posix

backend_free = pytest.mark.backend_free

REPOSITORY = Path(__file__).parents[2]

NUMBERS = itertools.count()

SOURCE = '''"""Measures {name}."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from experiments.outcome import Finding, Outcome, Spread, no_progress

QUESTION = "How large is {name}?"
CLAIMS = ("C2",)


@dataclass(frozen=True)
class Settings:
    n_rows: int = 3


QUICK = Settings()


def run(settings, *, track=no_progress, log_dir=None):
    n_rows, value = settings.n_rows, 1
    {body}
    table = pd.DataFrame({{"row": range(n_rows), "value": value}})
    return Outcome({{"values": table, "again": table}}, {{}})


def findings(tables):
    values = Spread.of("value", tables["values"]["value"])
    yield Finding("C2", "confirmed", "Confirmed.", values, {{}}, "It is so.")
'''


class Package:
    """A package of experiments that take no time, in the working directory."""

    def __init__(self, folder):
        self.name = f"instant_{next(NUMBERS)}"
        self.folder = folder / self.name
        self.folder.mkdir()
        (self.folder / "__init__.py").touch()
        self.processes = []

    def add(self, name, body="pass"):
        sys.modules.pop(f"{self.name}.{name}", None)
        shutil.rmtree(self.folder / "__pycache__", ignore_errors=True)
        (self.folder / f"{name}.py").write_text(SOURCE.format(name=name, body=body))
        importlib.invalidate_caches()

    def run(self, *arguments):
        return runner.main([str(argument) for argument in arguments], package=self.name)

    def start(self, *arguments, times=1):
        """Runs in a process of its own, one after the other for as long as all is well."""
        code = (
            "import sys; from experiments import runner\n"
            f"for _ in range({times}):\n"
            f"    status = runner.main({list(arguments)!r}, package={self.name!r})\n"
            "    if status: sys.exit(status)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{self.folder.parent}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    made = Package(tmp_path)
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()
    for name in [name for name in sys.modules if name.startswith(made.name)]:
        del sys.modules[name]


def temporary(folder):
    return [path.name for path in Path(folder).rglob(".*") if path.name != ".progress.json"]


def wait_for(path, process):
    while not Path(path).exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


# Results on a disk that is full or read-only


LARGE = "n_rows = 20_000"


@backend_free
def test_results_on_a_full_disk_and_then_on_a_larger_one(package, disk, capsys):
    out = disk.folder / "results"
    package.add("a")
    package.add("b")
    assert package.run("--out", out) == 0
    before = contents(out)
    package.add("a", body="value = 2")
    package.add("b", body=LARGE)
    package.add("c")
    capsys.readouterr()
    assert package.run("--out", out) == 1
    assert capsys.readouterr().err == f"Cannot write '{out}/b': No space left on device.\n"
    found = contents(out)
    assert {name for name in found if found[name] != before.get(name)} == {
        "a/values.csv", "a/again.csv", "a/findings.json", "README.md", "claims.csv",
        ".progress.json",
    }  # fmt: skip
    assert temporary(out) == []
    disk.again("size=16m")
    assert package.run("--out", out) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Going on with the unfinished run: a done already ")
    assert said[1].startswith("[2/3] b: ")
    assert (out / "b" / "values.csv").read_bytes().count(b"\n") == 20_001
    assert not (out / ".progress.json").exists()


@backend_free
def test_a_disk_that_is_full_from_the_start(package, disk, capsys):
    out = disk.folder / "results"
    package.add("a", body="Path('ran').touch()")
    disk.fill()
    assert package.run("--out", out) == 1
    line = f"Cannot write '{out}/.progress.json': No space left on device.\n"
    assert capsys.readouterr() == ("", line)
    assert not Path("ran").exists()
    assert contents(out) == {}


@backend_free
def test_results_on_a_read_only_disk(package, disk, capsys):
    out = disk.folder / "results"
    package.add("a")
    assert package.run("--out", out) == 0
    before = contents(out)
    package.add("a", body="value = 2; Path('ran').touch()")
    disk.again("ro")
    capsys.readouterr()
    assert package.run("--out", out) == 1
    line = f"Cannot write '{out}/.progress.json': Read-only file system.\n"
    assert capsys.readouterr() == ("", line)
    assert not Path("ran").exists()
    # What is there can be compared with.
    assert package.run("--verify", "--out", out) == 1
    assert "a/values.csv: column value differs in 3 of 3 rows" in capsys.readouterr().out
    assert contents(out) == before


@backend_free
def test_a_disk_that_becomes_read_only_during_a_run(package, disk, capsys):
    out = disk.folder / "results"
    package.add("a", body="assert not Path('ran').exists(); Path('ran').touch()")
    package.add("b", body=f"os.system('mount -o remount,ro {disk.folder}')")
    assert package.run("--out", out) == 1
    assert capsys.readouterr().err == f"Cannot write '{out}/b': Read-only file system.\n"
    disk.again("rw")
    package.add("b")
    assert package.run("--out", out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "a", "b", "claims.csv"]


STEPS = ("mkdir", "write_bytes", "rename", "replace", "unlink")


@backend_free
def test_a_disk_that_is_full_at_any_step_is_one_line_and_tears_nothing(
    package, capsys, monkeypatch
):
    """Every call that changes the disk fails once, a write of bytes when half is written."""
    package.add("a")
    assert package.run() == 0
    shutil.copytree("results", "old")
    package.add("a", body="value = 2")
    assert package.run("--out", "new") == 0
    allowed = [timeless(contents(folder)) for folder in ("old", "new")]
    failed = []
    for step in itertools.count():
        shutil.rmtree("results")
        shutil.copytree("old", "results")
        capsys.readouterr()
        left = [step]

        def failing(name, left=left):
            do = getattr(Path, name)

            def call(path, *arguments, **options):
                left[0] -= 1
                if left[0] == -1:
                    if name == "write_bytes":
                        do(path, arguments[0][: len(arguments[0]) // 2])
                    failed.append(name)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return do(path, *arguments, **options)

            return call

        with monkeypatch.context() as patch:
            for name in STEPS:
                patch.setattr(Path, name, failing(name))
            status = package.run()
        if left[0] >= 0:
            break
        err = capsys.readouterr().err
        assert status == 1, (step, failed[-1])
        assert err.startswith("Cannot write 'results"), (step, failed[-1], err)
        assert err.endswith(": No space left on device.\n"), (step, failed[-1], err)
        assert err.count("\n") == 1
        found = timeless(contents("results"))
        found.pop(".progress.json", None)
        for part in ("a/", "README.md", "claims.csv"):
            mine = {name: found[name] for name in found if name.startswith(part)}
            assert mine in [
                {name: each[name] for name in each if name.startswith(part)} for each in allowed
            ], (step, failed[-1], part)
        assert temporary("results") == []
        assert package.run() == 0
        assert timeless(contents("results")) == allowed[1], (step, failed[-1])
    assert set(failed) == set(STEPS)
    assert status == 0


def timeless(files):
    """Without the seconds that a run took, which the index shows as well."""
    files = {name: content for name, content in files.items() if not name.endswith("run.json")}
    if "README.md" in files:
        lines = files["README.md"].splitlines()
        files["README.md"] = b"\n".join(x for x in lines if not x.startswith(b"Took "))
    return files


# A clock that goes back


@backend_free
@pytest.mark.usefixtures("clock_that_goes_back")
def test_a_run_with_a_clock_that_goes_back(package, capsys):
    package.add("a")
    package.add("b", body="raise ValueError('not yet')")
    assert package.run() == 1
    before = contents("results")
    assert b'"seconds": 0.0' in before["a/run.json"]
    from_the_future("results")
    from_the_future(package.folder)
    capsys.readouterr()
    assert package.run() == 1
    assert capsys.readouterr().out.startswith("Going on with the unfinished run: a done already ")
    assert contents("results") == before
    package.add("b")
    assert package.run() == 0
    from_the_future("results")
    capsys.readouterr()
    assert package.run() == 0
    assert [x.split()[-1] for x in capsys.readouterr().out.splitlines()[1:4:2]] == ["before"] * 2


# Two runs in one folder at once


NEWS = "value = time.time_ns()"  # so that every run has something to write


@backend_free
@posix
@pytest.mark.parametrize("names", [("ab", "cd"), ("ab", "ab"), ("abc", "bcd")], ids=str)
def test_two_runs_in_one_folder_at_once(package, names):
    package.add("z")
    assert package.run() == 0
    untouched = contents("results/z")
    for name in "abcd":
        package.add(name, body=NEWS)
    # Many times, so that they meet in whatever they do.
    for process in [package.start(*each, times=25) for each in names]:
        _, err = process.communicate()
        assert (process.returncode, err) == (0, "")
    there = {*names[0], *names[1], "z", "README.md", "claims.csv"}
    assert {path.name for path in Path("results").iterdir()} == there
    assert contents("results/z") == untouched
    before = {name: Path("results", name).read_bytes() for name in ("README.md", "claims.csv")}
    report.write_index(Path("results"))
    assert before == {name: Path("results", name).read_bytes() for name in before}


@backend_free
@posix
def test_a_run_waits_while_another_one_writes(package):
    package.add("a", body="Path('ran').touch()\n    while not Path('go').exists(): time.sleep(.01)")
    process = package.start("a")
    wait_for("ran", process)
    with storage.alone(Path("results")):
        Path("go").touch()
        time.sleep(0.5)
        assert process.poll() is None
        assert not Path("results/a").exists()
    assert process.wait() == 0
    assert Path("results/a/run.json").exists()


@backend_free
@pytest.mark.parametrize("missing", ["module", "support", "folder"])
def test_where_there_are_no_locks_a_run_goes_without(package, monkeypatch, missing):
    class NoLocks:
        LOCK_EX = 0

        @staticmethod
        def flock(*_):
            raise OSError(errno.ENOLCK, "No locks available")

    if missing != "folder":
        monkeypatch.setattr(storage, "fcntl", None if missing == "module" else NoLocks)
    with storage.alone(Path("results")), storage.alone(Path("results")):
        package.add("a")
    assert package.run() == 0


@backend_free
def test_what_runs_at_once_have_finished_is_remembered_of_each(tmp_path):
    first = UnfinishedRun(tmp_path)
    first.add("a", "1")
    second = UnfinishedRun(tmp_path)
    second.add("b", "2")
    first.add("c", "3")
    marks = storage.from_json((tmp_path / ".progress.json").read_bytes())
    assert marks == {"a": "1", "b": "2", "c": "3"}
    first.finish(["a", "c"])
    second.add("d", "4")
    marks = storage.from_json((tmp_path / ".progress.json").read_bytes())
    assert marks == {"b": "2", "d": "4"}
    second.finish(["b", "d"])
    assert list(tmp_path.iterdir()) == []
