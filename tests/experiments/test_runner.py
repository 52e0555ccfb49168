"""The runner, with experiments that take no time: packages of modules written by the tests."""

import errno
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments import runner
from experiments.outcome import Finding, Outcome, Spread
from experiments.runner import discovery, execution, report, storage
from experiments.runner.ledger import Claim

pytestmark = pytest.mark.backend_free

REPOSITORY = Path(__file__).parents[2]
PACKAGES = count()

FAKE = '''"""Measures {name}.

Counts up, for the tests."""

import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from experiments.outcome import Finding, Outcome, Spread, no_progress

QUESTION = "How large is {name}?"
SYSTEMS = ("S1",)
CLAIMS = ("C2",)


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = (0, 1, 2)
    scale: float = 1 / 3


QUICK = Settings(seeds=(0,))


def run(settings, *, track=no_progress, log_dir=None):
    with Path("ran").open("a") as ran:
        ran.write("{name} ")
    {body}
    seeds = list(track(settings.seeds, "seeds"))
    table = pd.DataFrame({{"seed": seeds, "value": [settings.scale * seed for seed in seeds]}})
    return Outcome({{"values": table}}, {{}})


def findings(tables):
    values = Spread.of("value", tables["values"]["value"])
    rule, numbers = "Confirmed if it grows.", {{"largest": 2 / 3}}
    verdict = "confirmed" if values.largest > values.least else "refuted"
    yield Finding("C2", verdict, rule, values, numbers, "It grows.")
'''


class Package:
    """A package of experiments in the working directory."""

    def __init__(self, folder):
        self.name = f"fakes_{next(PACKAGES)}"
        self.folder = folder / self.name
        self.processes = []
        self.folder.mkdir()
        (self.folder / "__init__.py").touch()

    def add(self, name, body="pass", source=FAKE):
        self.forget(name)
        path = self.folder / f"{name}.py"
        path.write_text(source.format(name=name, body=body))
        return path

    def forget(self, name):
        """A changed module is imported again, as in a new process."""
        sys.modules.pop(f"{self.name}.{name}", None)
        for compiled in self.folder.glob("__pycache__/*"):
            compiled.unlink()
        importlib.invalidate_caches()

    def run(self, *arguments):
        return runner.main([str(argument) for argument in arguments], package=self.name)

    def start(self, *arguments, setup=""):
        """The same in a process of its own."""
        code = f"{setup}\nimport sys; from experiments import runner\n"
        code += f"sys.exit(runner.main({list(arguments)!r}, package={self.name!r}))"
        path = os.pathsep.join([str(REPOSITORY), str(self.folder.parent)])
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def stop(self):
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    made = Package(tmp_path)
    yield made
    made.stop()
    for name in [name for name in sys.modules if name.startswith(made.name)]:
        del sys.modules[name]


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def ran():
    return Path("ran").read_text().split() if Path("ran").exists() else []


def run_json(name="a", out="results"):
    return json.loads(Path(out, name, "run.json").read_text())


# What is written


def test_an_experiment_is_written_as_tables_findings_and_provenance(package):
    package.add("a")
    assert package.run() == 0
    assert sorted(contents("results")) == [
        "README.md",
        "a/findings.json",
        "a/run.json",
        "a/values.csv",
        "claims.csv",
    ]
    assert Path("results/a/values.csv").read_text() == "seed,value\n0,0\n1,0.333333\n2,0.666667\n"
    assert json.loads(Path("results/a/findings.json").read_text()) == {
        "experiment": "a",
        "title": "Measures a",
        "description": "Counts up, for the tests.",
        "question": "How large is a?",
        "systems": ["S1"],
        "claims": ["C2"],
        "findings": [
            {
                "claim": "C2",
                "verdict": "confirmed",
                "rule": "Confirmed if it grows.",
                "decisive": {
                    "name": "value",
                    # From the table as it is written, which says 0.333333 and 0.666667.
                    "median": 0.333333,
                    "least": 0.0,
                    "largest": 0.666667,
                    "n_runs": 3,
                },
                "numbers": {"largest": 0.666667},
                "statement": "It grows.",
            }
        ],
    }
    run = run_json()
    assert list(run) == [
        "quick",
        "settings",
        "seeds",
        "backend",
        "versions",
        "device",
        "seconds",
    ]
    assert run["settings"] == {"seeds": [0, 1, 2], "scale": 0.333333}
    assert run["seeds"] == [0, 1, 2]
    assert set(run["versions"]) == {
        "python",
        "keras",
        "kerasreg",
        "numpy",
        "pandas",
        "scikit-learn",
        "tensorflow",
    }
    assert run["device"]["cpu"]
    assert run["device"]["cores"] >= 1


def test_what_is_said_while_it_runs(package, capsys):
    package.add("a")
    package.add("b")
    package.run()
    lines = re.sub(r"\d+\.\d s", "0.0 s", capsys.readouterr().out).splitlines()
    assert lines == [
        "[1/2] a: How large is a?",
        "[1/2] a: 0.0 s, new",
        "[2/2] b: How large is b?",
        "[2/2] b: 0.0 s, new",
        "Now read results/README.md.",
    ]


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


# Names and options


def test_unknown_name(package, capsys):
    package.add("keras_layers")
    assert package.run("keras_layer") == 2
    assert capsys.readouterr() == (
        "",
        "There is no experiment 'keras_layer'. Did you mean 'keras_layers'?\n",
    )
    assert package.run("zzz") == 2
    assert capsys.readouterr().err == ("There is no experiment 'zzz'. --list shows all of them.\n")
    assert not Path("results").exists()


def test_named_experiments_run_once_and_in_order(package):
    for name in "abc":
        package.add(name)
    assert package.run("c", "a", "c") == 0
    assert ran() == ["a", "c"]


def test_list_imports_no_experiment_and_shows_nothing_else(package, capsys):
    package.add("long_name")
    package.add(
        "b", source='"""{name}{body}"""\nQUESTION = "Why?"\nraise ValueError\ndef run(): 0\n'
    )
    package.add("shared", source='"""No experiment."""\nQUESTION = "Who?"\n')
    package.add("other", source='"""Nor is this."""\ndef run(): 0\n')
    assert package.run("--list") == 0
    assert capsys.readouterr().out == "b          Why?\nlong_name  How large is long_name?\n"


def test_list_of_the_real_experiments_needs_no_tensorflow():
    code = (
        "import sys; from experiments import runner; status = runner.main(['--list']); "
        "sys.exit(status or 'tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY, capture_output=True)


def test_quick_results_go_elsewhere_and_say_so(package, capsys):
    package.add("a")
    package.run()
    before = contents("results")
    capsys.readouterr()
    assert package.run("--quick") == 0
    assert contents("results") == before
    assert run_json(out="results-quick")["seeds"] == [0]
    out = capsys.readouterr().out
    assert out.startswith("Quick settings: results go to results-quick and prove nothing.\n")
    quick = "> **Quick settings.** These results only show that everything runs."
    assert quick in Path("results-quick/README.md").read_text()
    assert quick not in Path("results/README.md").read_text()


def test_out_is_where_results_go(package):
    package.add("a")
    assert package.run("--quick", "--out", "some/where") == 0
    assert Path("some/where/a/values.csv").exists()
    assert not Path("results").exists()
    assert not Path("results-quick").exists()


@pytest.mark.parametrize("quick", [[], ["--quick"]], ids=["full", "quick"])
def test_seeds_replace_those_of_the_settings(package, quick):
    package.add("a")
    assert package.run("--seeds", 5, "--out", "out", *quick) == 0
    assert run_json(out="out")["seeds"] == [0, 1, 2, 3, 4]
    assert len(pd.read_csv("out/a/values.csv")) == 5


def test_settings_without_seeds_stay_as_they_are(package):
    package.add("a", source=FAKE.replace("seeds: tuple[int, ...]", "numbers: tuple[int, ...]")
                .replace("QUICK = Settings(seeds=(0,))", "QUICK = Settings()")
                .replace("settings.seeds", "settings.numbers"))  # fmt: skip
    assert package.run("--seeds", 5) == 0
    assert run_json()["seeds"] == []
    assert run_json()["settings"]["numbers"] == [0, 1, 2]


def test_other_data_are_for_the_experiments_that_have_a_choice(package, capsys):
    package.add("a")
    package.add("b", source=FAKE.replace("scale: float", "data: str = 'digits'\n    scale: float"))
    assert package.run("--data", "wine") == 0
    assert ran() == ["b"]
    assert run_json("b", out="results-wine")["settings"]["data"] == "wine"
    assert not Path("results").exists()
    capsys.readouterr()
    assert package.run("a", "b", "--data", "wine") == 2
    assert capsys.readouterr().err == "There is no choice of data for a.\n"
    assert package.run("--data", "beer") == 2
    assert capsys.readouterr().err.startswith("Invalid value for argument `name`: expected one of")
    assert ran() == ["b"]


@pytest.mark.parametrize("count", ["0", "-1", "x", "1.5"])
def test_bad_number_of_seeds(package, count, capsys):
    package.add("a")
    with pytest.raises(SystemExit, match="2"):
        package.run(f"--seeds={count}")
    assert capsys.readouterr().err.endswith(
        f"error: argument --seeds: expected an integer >= 1. Received: {count}\n"
    )


def test_logs_of_an_earlier_run_are_removed_and_nothing_else(package):
    package.add("a", body="assert log_dir == 'logs/a', log_dir")
    Path("logs/a/l1/train").mkdir(parents=True)
    old = Path("logs/a/l1/train/events.out.tfevents.1.machine")
    kept = [Path("logs/a/notes.txt"), Path("logs/b.out.tfevents.1")]
    for path in (old, *kept):
        path.touch()
    assert package.run("--logs", "logs") == 0
    assert not old.exists()
    assert all(path.exists() for path in kept)


def test_without_logs_there_is_no_log_dir(package):
    package.add("a", body="assert log_dir is None")
    assert package.run() == 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_jobs_change_nothing_but_the_time(package, jobs, capsys):
    for name in "abc":
        package.add(name)
    path = package.add("d", body="import os; assert os.getpid() == int(Path('main').read_text())")
    path.write_text(path.read_text().replace("CLAIMS", 'TIMED = ("values",)\nCLAIMS'))
    Path("main").write_text(str(os.getpid()))
    assert package.run("--jobs", jobs) == 0
    assert sorted(ran()) == ["a", "b", "c", "d"]
    # What measures seconds runs alone, after the others, in the process of the command.
    assert ran()[-1] == "d"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == ("3 experiments, 2 at a time" if jobs == 2 else "[1/4] a: How large is a?")
    assert lines[-1] == "Now read results/README.md."
    assert {line[:7] for line in lines if line.endswith("new")} == {
        f"[{number}/4] {name}" for number, name in enumerate("abcd", 1)
    }
    assert len(contents("results")) == 4 * 3 + 2


def test_an_experiment_that_fails_among_several_at_a_time(package, capsys):
    package.add("a")
    package.add("b", body="raise ValueError('no data\\nat all')")
    package.add("c", body="import os; os._exit(1)")
    assert package.run("a", "b", "--jobs", 2) == 1
    out, err = capsys.readouterr()
    assert err.splitlines()[0] == "[2/2] b: failed: ValueError: no data"
    assert "in run" in err
    assert "[1/2] a: " in out
    assert package.run("c", "--jobs", 2) == 1
    assert "c: failed: BrokenProcessPool" in capsys.readouterr().err


# Verification


def test_a_rerun_that_finds_the_same_is_verified(package, capsys):
    package.add("a")
    package.run()
    before = contents("results")
    capsys.readouterr()
    assert package.run("--verify") == 0
    assert contents("results") == before
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == "1 experiments found again what is in results."
    assert not any("Now read" in line for line in out)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("0.333333", "0.334", "a/values.csv: column value differs in 1 of 3 rows, first in row 2: "
         "was 0.334, is 0.333333"),
        ("2,0.666667", "3,0.666667", "a/values.csv: column seed differs in 1 of 3 rows, first in "
         "row 3: was 3, is 2"),
        ("2,0.666667\n", "", "a/values.csv: rows were 2, are 3"),
        ("seed,", "fold,", "a/values.csv: columns were fold, value, are seed, value"),
        ("0.333333", "", "a/values.csv: column value differs in 1 of 3 rows, first in row 2: "
         "was nan, is 0.333333"),
    ],
)  # fmt: skip
def test_what_differs_is_said(package, old, new, line, capsys):
    package.add("a")
    package.run()
    path = Path("results/a/values.csv")
    path.write_text(path.read_text().replace(old, new))
    capsys.readouterr()
    assert package.run("--verify") == 1
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_floats_may_differ_in_their_last_digits(package):
    package.add("a")
    package.run()
    path = Path("results/a/values.csv")
    path.write_text("seed,value\n0,5e-6\n1,0.3333\n2,0.666667\n")
    assert package.run("--verify") == 0


def test_seconds_are_not_compared(package):
    path = package.add("a")
    path.write_text(path.read_text().replace("CLAIMS", 'TIMED = ("values.value",)\nCLAIMS', 1))
    package.run()
    table = Path("results/a/values.csv")
    table.write_text("seed,value\n0,1\n1,2\n2,3\n")
    assert package.run("--verify") == 0
    table.write_text("seed,value\n0,1\n1,2\n3,3\n")
    assert package.run("--verify") == 1


def test_other_verdicts_missing_tables_and_a_stale_ledger_are_said(package, capsys):
    package.add("a")
    package.add("b")
    package.run()
    found = Path("results/a/findings.json")
    found.write_text(found.read_text().replace('"confirmed"', '"refuted"'))
    Path("results/a/values.csv").rename("results/a/others.csv")
    shutil.rmtree("results/b")
    capsys.readouterr()
    assert package.run("--verify") == 1
    assert capsys.readouterr().out.splitlines()[-5:] == [
        "a/others.csv: only committed",
        "a/values.csv: only in the rerun",
        "a: verdicts were C2 refuted, are C2 confirmed",
        f"b: there is nothing in {Path('results/b')}",
        f"{Path('results/claims.csv')} is not the ledger of the findings in results",
    ]


# What goes wrong


def test_a_failing_experiment_stops_no_other_and_keeps_its_old_results(package, capsys):
    for name in "abc":
        package.add(name)
    package.run()
    before = contents("results/b")
    package.add("b", body="raise ValueError('no data\\nat all')")
    capsys.readouterr()
    assert package.run() == 1
    out, err = capsys.readouterr()
    assert ran()[3:] == ["a", "b", "c"]
    assert contents("results/b") == before
    assert "Now read" not in out
    lines = err.splitlines()
    assert lines[0] == "[2/3] b: failed: ValueError: no data"
    assert lines[2:4] == ["b failed:", "Traceback (most recent call last):"]
    assert lines[-1] == "1 of 3 experiments failed: b."
    package.add("b")
    assert package.run() == 0
    assert ran()[6:] == ["b"]


@pytest.mark.parametrize("body", ["import no_such_module", "return None"])
def test_whatever_is_wrong_with_an_experiment_is_said_in_its_name(package, body, capsys):
    package.add("a", body=body)
    assert package.run() == 1
    assert capsys.readouterr().err.startswith("[1/1] a: failed: ")
    assert contents("results").keys() == {".progress.json"}


def test_a_file_in_place_of_the_folder(package, capsys):
    package.add("a")
    Path("results").touch()
    assert package.run() == 1
    assert capsys.readouterr() == ("", "Cannot write 'results/.progress.json': File exists.\n")
    assert ran() == []


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


# Interrupted and killed


def test_ctrl_c_is_one_line_and_keeps_what_is_finished(package):
    package.add("a")
    package.add("b", body="Path('waiting').touch(); time.sleep(600)")
    # A program that a shell starts in the background inherits that Ctrl-C is ignored.
    process = package.start(
        setup="import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    )
    while not Path("waiting").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err == (
        "Interrupted. What is finished is in results; the same command goes on from there.\n"
    )
    assert Path("results/a/values.csv").exists()
    assert "(a/values.csv)" in Path("results/README.md").read_text()


def killed(package):
    """A run of a, b, c and d that was killed, once and for all, while c was running."""
    for name in "abd":
        package.add(name)
    once = "import os, signal; os.kill(os.getpid(), signal.SIGKILL) if os.environ.get('DIE') else 0"
    package.add("c", body=once)
    process = package.start(setup="import os; os.environ['DIE'] = '1'")
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert ran() == ["a", "b", "c"]
    Path("ran").unlink()


def test_a_killed_run_goes_on_and_the_next_one_starts_anew(package, capsys):
    killed(package)
    assert package.run() == 0
    assert ran() == ["c", "d"]
    assert capsys.readouterr().out.startswith(
        "Going on with the unfinished run: a, b done already "
        "(delete results/.progress.json to start anew).\n[3/4] c: "
    )
    assert not Path("results/.progress.json").exists()
    assert package.run() == 0
    assert ran() == ["c", "d", "a", "b", "c", "d"]


def test_names_do_not_matter_to_going_on(package):
    killed(package)
    assert package.run("b", "d") == 0
    assert ran() == ["d"]
    assert package.run() == 0  # b and d are over; a is still done
    assert ran() == ["d", "b", "c", "d"]


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (lambda package: package.add("a", body="pass  # edited"), "acd"),
        (lambda package: package.add("shared", source="# used by all\n"), "abcd"),
        (lambda package: Path("results/b/run.json").unlink(), "bcd"),
        (lambda package: Path("results/.progress.json").write_text("{"), "abcd"),
        (lambda package: Path("results/.progress.json").write_text("[]"), "abcd"),
        (lambda package: os.environ.update(KERAS_BACKEND="other"), "abcd"),
    ],
    ids=["source", "shared source", "deleted", "broken", "not a mapping", "backend"],
)
def test_what_is_not_as_it_was_runs_again(package, change, again, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "tensorflow"))
    killed(package)
    change(package)
    assert package.run() == 0
    assert ran() == list(again)


@pytest.mark.parametrize("options", [("--seeds", 3), ("--quick",), ("--logs", "logs")], ids=str)
def test_other_options_go_on_with_nothing(package, options):
    killed(package)
    assert package.run("--out", "results", *options) == 0
    assert ran() == ["a", "b", "c", "d"]


def test_kerasreg_itself_is_part_of_the_source(package, tmp_path, monkeypatch):
    path = package.add("a")
    library = tmp_path / "elsewhere" / "kerasreg"
    library.mkdir(parents=True)
    (library / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "kerasreg", raising=False)
    monkeypatch.syspath_prepend(library.parent)
    (experiment,) = discovery.discover(path.parent)
    before = discovery.source_hash(experiment)
    assert discovery.source_hash(experiment) == before
    (library / "training.py").write_text("# edited")
    assert discovery.source_hash(experiment) != before


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


# Progress


def test_track_is_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(execution.track(range(3), "seeds")) == [0, 1, 2]
    out, err = capsys.readouterr()
    assert out == ""
    assert "seeds:   0%|" in err


def test_track_is_a_line_now_and_then_elsewhere(monkeypatch, capsys):
    clock = iter([0.0, 10.0, 31.0, 31.0, 50.0, 62.0, 62.0, 63.0])
    monkeypatch.setattr(execution.time, "monotonic", lambda: next(clock))
    assert list(execution.track(range(5), "seeds")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().out == "    seeds: 1 of 5\n    seeds: 3 of 5\n"


def test_track_takes_what_has_no_length(monkeypatch, capsys):
    clock = iter([0.0, 40.0, 40.0])
    monkeypatch.setattr(execution.time, "monotonic", lambda: next(clock))
    assert list(execution.track(iter("a"), "letters")) == ["a"]
    assert capsys.readouterr().out == "    letters: 0 of ?\n"


# The index


def write_result(out, name, findings=(), seeds=(0, 1)):
    outcome = Outcome({"t": pd.DataFrame({"a": range(1200)})}, {})
    facts = {"experiment": name, "title": f"Title of {name}", "description": "", "question": "Why?"}
    run = {
        "quick": False,
        "seeds": seeds,
        "backend": "tensorflow",
        "versions": {"keras": "3.15.1", "tensorflow": "2.21.0"},
        "device": {"cpu": "Some CPU", "cores": 2},
        "seconds": 12.3,
    }
    storage.replace_folder(
        out / name, storage.as_files(outcome, lambda tables: findings, facts, run)
    )


def page_of(out, claims=()):
    report.write_index(out, claims)
    return (out / report.INDEX).read_text(encoding="utf-8")


def finding_on(claim, verdict, statement):
    return Finding(claim, verdict, "A rule.", Spread.of("share", [0.5]), {}, statement)


def test_the_section_of_an_experiment(tmp_path):
    finding = Finding(
        claim="C1",
        verdict="qualified",
        rule="Qualified if `|w|` < 1 or w*v > 0.",
        decisive=Spread.of("mean `|w|`", [0.123456, 0.1, 2000.0]),
        numbers={"largest `|w|`": 0.123456, "weights": 12000},
        statement="True below |w| = 1.",
    )
    write_result(tmp_path, "a_b", [finding])
    (tmp_path / "a_b" / "small_steps.png").touch()
    page = page_of(tmp_path)
    assert page.endswith(
        r"""<a id="a_b"></a>

## Title of a_b

**Why?**

![Title of a_b: small steps](a_b/small_steps.png)

**C1 🟡 qualified.** True below \|w\| = 1.

<details><summary>How this was decided</summary>

Qualified if `|w|` \< 1 or w\*v > 0.

| number | value |
| --- | ---: |
| **mean `\|w\|`** | 0.1235 |
| its least value in 3 runs | 0.1 |
| its largest value | 2000 |
| largest `\|w\|` | 0.1235 |
| weights | 12,000 |

</details>

Again, with the settings at the top of the module:

```sh
python -m experiments a_b
```

Tables: [t.csv](a_b/t.csv) (1,200 rows). Numbers: [findings](a_b/findings.json).

Took 12 s with the seeds 0, 1, Keras 3.15.1 on tensorflow 2.21.0 (Some CPU, 2 cores). """
        "[All versions and settings](a_b/run.json).\n"
    )
    assert (
        "| **C1** | 🟡&nbsp;qualified | True below \\|w\\| = 1.<br>"
        "<sub>[a_b](#a_b): mean `\\|w\\|`: 0.1235 (0.1 to 2000, 3 runs)</sub> |"
    ) in page
    assert "- [Title of a_b](#a_b): Why?" in page


@pytest.mark.parametrize(
    ("seeds", "text"),
    [
        ([], "12 s, Keras"),
        ([7], "12 s with the seeds 7, Keras"),
        ([0, 1], "12 s with the seeds 0, 1, Keras"),
        ([0, 1, 2, 3], "12 s with the seeds 0 to 3, Keras"),
        ([0, 1, 3], "12 s with the seeds 0, 1, 3, Keras"),
    ],
    ids=str,
)
def test_seeds_in_the_index(tmp_path, seeds, text):
    write_result(tmp_path, "a", seeds=seeds)
    assert f"Took {text} 3.15.1" in page_of(tmp_path)


def test_claims_are_sorted_as_numbers_and_counted(tmp_path):
    verdicts = {"C10": "confirmed", "C2": "refuted", "C1": "confirmed"}
    write_result(tmp_path, "b", [finding_on(c, v, f"On {c}.") for c, v in verdicts.items()])
    write_result(tmp_path, "a", [finding_on("C2", "confirmed", "Also on C2.")])
    rows = re.findall(r"^\| \*\*(C\d+)\*\* .*", page := page_of(tmp_path), flags=re.MULTILINE)
    assert rows == ["C1", "C2", "C10"]
    # Of two that disagree the claim is neither.
    assert (
        "| **C2** | 🟡&nbsp;qualified | Also on C2.<br><sub>[a](#a): share: 0.5</sub>"
        "<br><br>On C2.<br><sub>[b](#b): share: 0.5</sub> |"
    ) in page
    assert "So far: 2 confirmed, 1 qualified, 0 refuted." in page


def test_the_ledger_follows_the_list_of_claims(tmp_path):
    claims = [
        Claim("C9", "Logistic | weights", "lecture", "They *grow*", ("S2",)),
        Claim("C1", "Zeros", "all", "L1 makes zeros", ("S1", "S8")),
        Claim("C3", "Zeros", "lecture", "Nobody measured it", ()),
    ]
    found = [finding_on("C1", "confirmed", "It does."), finding_on("C9", "refuted", "They do not.")]
    write_result(tmp_path, "a", found)
    page = page_of(tmp_path, claims)
    headings = re.findall("^## (.*)", page, flags=re.MULTILINE)
    assert headings == ["Logistic \\| weights", "Zeros", "Experiments", "Title of a"]
    assert re.findall(r"\*\*(C\d+)\*\* (.*?) \| (.*?) \|", page)[:3] == [
        ("C9", r"They \*grow\*", "❌&nbsp;refuted"),
        ("C1", "L1 makes zeros", "✅&nbsp;confirmed"),
        ("C3", "Nobody measured it", "not measured yet"),
    ]
    rows = pd.read_csv(tmp_path / "claims.csv")
    assert rows["claim"].tolist() == ["C9", "C1"]
    assert rows["verdict"].tolist() == ["refuted", "confirmed"]
    assert rows["n_runs"].tolist() == [1, 1]


def test_the_index_keeps_the_experiments_of_earlier_runs(package):
    package.add("a")
    package.add("b")
    package.run("b")
    package.run("a")
    page = Path("results/README.md").read_text()
    assert page.index("## Measures a") < page.index("## Measures b")


def test_the_index_leaves_out_what_is_no_result(tmp_path):
    write_result(tmp_path, "a")
    for name in ("stray", "half", ".a.1.tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "half" / "findings.json").write_text("{}")
    for name in ("findings.json", "run.json"):
        (tmp_path / ".a.1.tmp" / name).write_text("{")
    assert len(re.findall("^## Title", page_of(tmp_path), flags=re.MULTILINE)) == 1


def test_a_broken_file_is_named_with_the_remedy(package, capsys):
    package.add("a")
    package.run()
    Path("results/a/findings.json").rename("results/b.json")
    Path("results/b").mkdir()
    Path("results/b.json").rename("results/b/findings.json")
    Path("results/b/run.json").write_text("{")
    assert package.run() == 1
    assert capsys.readouterr().err == (
        "Cannot read the results in 'results/b': Expecting property name enclosed in double "
        "quotes: line 1 column 2 (char 1). Delete the folder, and run `python -m experiments b`.\n"
    )


# The classes of an outcome


def test_a_finding_has_one_of_three_verdicts():
    with pytest.raises(ValueError, match="Invalid value") as caught:
        finding_on("C1", "true", "")
    assert str(caught.value) == (
        "Invalid value for argument `verdict`: expected one of 'confirmed', 'qualified', "
        "'refuted'. Received: verdict='true'"
    )


# What TensorBoard shows

DRAWS = FAKE.replace(
    'return Outcome({{"values": table}}, {{}})',
    """from matplotlib.figure import Figure
    figures = {{name: Figure() for name in ("steps", "weights")}}
    figures["steps"].add_subplot().plot(table["seed"], table["value"])
    return Outcome({{"values": table}}, figures)""",
)


def logged(folder):
    """The pictures and texts in the event files right in a folder, by tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), {"tensors": 0})
    events.Reload()
    by_tag = {tag: events.Tensors(tag) for tag in events.Tags()["tensors"]}
    found = {"images": {}, "text": {}}
    for tag, entries in by_tag.items():
        (entry,) = entries
        assert entry.step == 0
        plugin = events.SummaryMetadata(tag).plugin_data.plugin_name
        if plugin in found:
            found[plugin][tag] = make_ndarray(entry.tensor_proto).reshape(-1).tolist()
    return found


def test_figures_and_findings_are_logged(package):
    package.add("a", source=DRAWS)
    assert package.run("--logs", "logs") == 0
    (path,) = Path("logs").rglob("*.tfevents.*")
    assert path.parent == Path("logs/a")
    there = logged("logs/a")
    assert sorted(there["images"]) == ["steps", "weights"]
    for name, (width, height, png) in there["images"].items():
        assert (width, height) == (b"704", b"528")
        assert png == Path(f"results/a/{name}.png").read_bytes()
    assert there["text"] == {
        "question": [b"**How large is a?**"],
        "description": [b"Counts up, for the tests."],
        "C2": [b"**C2: confirmed.** It grows.\n\nHow this was decided: Confirmed if it grows."],
    }
    # Once more: not beside what was there.
    assert package.run("--logs", "logs") == 0
    assert len(list(Path("logs").rglob("*.tfevents.*"))) == 1
    assert logged("logs/a") == there


def test_a_claim_that_was_decided_twice(package):
    package.add("a", source=FAKE + FAKE[FAKE.index("    yield") :].replace("It grows", "Again"))
    assert package.run("--logs", "logs") == 0
    (text,) = logged("logs/a")["text"]["C2"]
    first, _, second, _ = text.decode().split("\n\n")
    assert (first, second) == ("**C2: confirmed.** It grows.", "**C2: confirmed.** Again.")


# What tensorboard brings along of it.
@pytest.mark.filterwarnings("ignore:html5lib's sanitizer is deprecated:DeprecationWarning")
def test_texts_are_shown_as_they_are():
    from tensorboard.plugin_util import markdown_to_safe_html

    text = "If |w| < 1, 2*3*4, a~b, group_lasso_2, <b> & \\n: `|w| < 1*2*3`"
    assert markdown_to_safe_html(execution._markdown(text)) == (
        "<p>If |w| &lt; 1, 2*3*4, a~b, group_lasso_2, &lt;b&gt; &amp; \\n: "
        "<code>|w| &lt; 1*2*3</code></p>"
    )


def test_results_are_kept_where_nothing_can_be_logged(package, recwarn):
    package.add("a", source=DRAWS)
    Path("logs").touch()  # a file in the place of the folder
    assert package.run("--logs", "logs") == 0
    assert Path("results/a/steps.png").exists()
    (warning,) = [w for w in recwarn if "logs" in str(w.message)]
    assert "logs" in str(warning.message)


def test_listing_needs_no_keras():
    code = "from experiments import runner; runner.main(['--list']); import sys; "
    code += "print('keras' in sys.modules, 'tensorboard' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "False False", done.stderr
