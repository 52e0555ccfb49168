"""The command: what it writes and says, and its options."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from fake_experiments import FAKE, REPOSITORY, contents, ran, run_json

from experiments.runner.discovery import FOLDER

pytestmark = pytest.mark.backend_free


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


def test_listing_needs_no_keras():
    code = "from experiments import runner; runner.main(['--list']); import sys; "
    code += "print('keras' in sys.modules, 'tensorboard' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "False False", done.stderr


def test_a_claim_without_a_line_is_refused_before_any_work(package, capsys):
    package.add("a")
    claims = package.folder / "claims.csv"
    claims.write_text((FOLDER / "claims.csv").read_text().replace("\nC2,", "\nC2222,"))
    assert package.run() == 2
    assert capsys.readouterr().err == "claims.csv has no line for C2.\n"
    assert ran() == []
