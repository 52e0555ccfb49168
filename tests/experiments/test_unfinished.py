"""A run that was interrupted or killed goes on where it was."""

import os
import signal
import time
from pathlib import Path

import pytest
from fake_experiments import ran

pytestmark = pytest.mark.backend_free


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
