"""The programs of README run, one after the other, as a reader would type them; so do commands."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from experiments import runner

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCHEDULER, WORKER = "dask scheduler", "dask worker"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def commands():
    """The lines of all blocks of a shell, without what they are said to do."""
    lines = "".join(blocks("sh")).splitlines()
    return [re.split(r"\s#\s", line)[0].strip() for line in lines]


def test_every_block_is_a_program_or_commands():
    languages = re.findall(r"^```(\w*)$", README, re.MULTILINE)
    assert set(languages[::2]) == {"python", "sh"}
    assert set(languages[1::2]) == {""}


@pytest.fixture
def cluster(tmp_path):
    """The scheduler and one worker, started with README's own commands."""
    started = []
    for name in (SCHEDULER, WORKER):
        (command,) = [line for line in commands() if line.startswith(name)]
        program = [sys.executable, "-m", "dask", *shlex.split(command)[1:]]
        started.append(subprocess.Popen(program, cwd=tmp_path, stderr=subprocess.DEVNULL))
    yield
    for process in started:
        process.terminate()
    for process in started:
        process.wait()


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore")  # of dask and KerasTuner, on machines of other people
@pytest.mark.usefixtures("cluster")
def test_programs_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    printed = []
    for number, program in enumerate(blocks("python"), start=1):
        exec(compile(program, f"README, program {number}", "exec"), names)
        printed.append(capsys.readouterr().out)
    names["client"].close()
    # The first screen keeps its promise, and the others what is written beside them.
    assert printed[0] == "[0 1 2]\n"
    assert len(blocks("python")[0].splitlines()) <= 15
    assert "no_exact_zeros: hidden/kernel" in "".join(printed)
    small = names["small"].table.set_index("quantity")
    assert 0 < small.loc["parameters", "ratio"] < 0.8
    assert list(tmp_path.glob("logs/*/**/*tfevents*"))
    # The penalty that README adds is a good one: its prox is the global minimum.
    penalty = names["CappedL1"](0.7, cap=0.5)
    w, grid = np.linspace(-4, 4, 81), np.linspace(-5, 5, 20001)
    for step_size in (0.1, 1.0, 3.0):
        u = np.asarray(penalty.prox(w, step_size), "float64")

        def objective(u, step_size=step_size):
            return (u - w) ** 2 / (2 * step_size) + 0.7 * np.minimum(np.abs(u), 0.5)

        assert (objective(u) <= np.array([objective(v) for v in grid]).min(axis=0) + 1e-6).all()


@pytest.mark.backend_free
@pytest.mark.parametrize("command", [line for line in commands() if line])
def test_commands_do_something(command, capsys):
    words = shlex.split(command)
    while "=" in words[0]:  # a variable of the environment
        words = words[1:]
    match words:
        case ["make", *targets]:
            done = subprocess.run(["make", "-n", *targets], cwd=ROOT, capture_output=True)
            # There are logs to watch only once there are: it says so.
            assert done.returncode == 0 or b"nothing to watch" in done.stderr, done.stderr
        case [_, "-m", "experiments", *arguments]:
            assert runner.main([*arguments, "--list"]) == 0
            assert capsys.readouterr().out.count("?") >= 1
        case [_, "-m", "pip", "install", *arguments]:
            found = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
            asked = re.findall(r"\[(.*)\]", arguments[-1])
            extras = [extra for each in asked for extra in each.split(",")]
            assert set(extras) <= set(found["project"]["optional-dependencies"])
            assert arguments[-1].startswith(".")
        case ["python3", "-m", "venv", _] | ["lassonet/bin/pip", "install", "lassonet"]:
            pass  # Python's own, and another project's
        case [_, "-m", "pytest", *_]:
            pass  # this very run
        case [_, "-m", "tensorboard.main", *_]:
            assert "tensorboard.main" in (ROOT / "tests/browser/conftest.py").read_text()
        case ["dask", *_]:
            assert command.startswith((SCHEDULER, WORKER))  # started for the programs above
        case ["python", program, *_]:
            assert (ROOT / program).is_file()
        case _:
            raise AssertionError(f"Nobody looks whether this does anything: {command}")


@pytest.mark.backend_free
def test_links_and_pictures_lead_somewhere():
    anchors = set()
    for heading in re.findall(r"^#+ (.*)$", README, re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.lower())
        anchors.add(words.replace(" ", "-"))
    for target in re.findall(r"\]\(([^)]+)\)", README):
        path, _, anchor = target.partition("#")
        assert not path or (ROOT / path).exists(), target
        if not path:
            assert anchor in anchors, target
        elif anchor:
            page = (ROOT / path).read_text(encoding="utf-8")
            assert f'id="{anchor}"' in page or f"# {anchor.replace('-', ' ')}" in page.lower(), (
                target
            )
