"""Experiments that take no time: packages of modules written by the tests."""

import importlib
import json
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import pandas as pd

from experiments import runner
from experiments.outcome import Finding, Outcome, Spread
from experiments.runner import report, storage

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
