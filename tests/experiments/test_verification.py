"""`--verify`: what differs is said, and what may differ is not."""

import shutil
from pathlib import Path

import pytest
from fake_experiments import contents

pytestmark = pytest.mark.backend_free


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
