"""What `import kerasreg` costs beyond `import keras`, and what it leaves alone.

New processes in turn, on two backends of Keras: the clock is read before `import keras`, after it,
and after `import kerasreg`, so that the two times belong together. Then kerasreg, and each public
module of it that needs no TensorFlow, is imported in a process of its own under JAX, without those
large packages that Keras would load for itself: none of them may bring in TensorFlow, pandas,
Matplotlib or scikit-learn, which load when they are first used. Without JAX neither is measured."""

import importlib.util
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from experiments.outcome import Outcome, no_progress
from experiments.speed_import.processes import HEAVY, imported
from experiments.timing import bar, draw_times, pair, warm
from kerasreg.plots import style

QUESTION = "What does import kerasreg cost beyond import keras?"
SYSTEMS = ("S9",)
CLAIMS = ()
TIMED = ("times", "bars")
KERAS, BOTH = "import keras", "import keras, kerasreg"
LIMIT = 0.1  # seconds beyond Keras
ASKED = "`import kerasreg` beyond `import keras`"
WITHOUT = "{} modules after `import kerasreg` under JAX"
LIMITED_BY = "Finding and running the package's own files, before anything in them is used."


@dataclass(frozen=True)
class Settings:
    rounds: int = 7
    backends: tuple[str, ...] = ("tensorflow", "jax")
    # Public modules of kerasreg that serve every backend.
    modules: tuple[str, ...] = (
        "callbacks",
        "datasets",
        "descent",
        "folds",
        "metrics",
        "optimality",
        "optimizers",
        "plots",
        "regularizers",
        "surgery",
        "tables",
    )


QUICK = Settings(rounds=1, backends=("tensorflow",), modules=("regularizers",))


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    times, counts = [], []
    installed = [name for name in settings.backends if importlib.util.find_spec(name)]
    has_jax = importlib.util.find_spec("jax") is not None
    for repetition in track(range(settings.rounds + 1), "rounds of imports"):  # number 0 is cold
        for backend in installed:
            found = imported("kerasreg", backend)
            times.append((f"on {backend}", KERAS, repetition, found["keras"]))
            times.append((f"on {backend}", BOTH, repetition, found["both"]))
    times = pd.DataFrame(times, columns=["row", "method", "repetition", "seconds"])
    for module in track(["", *settings.modules], "modules"):
        name = f"kerasreg.{module}".removesuffix(".")
        found = imported(name, "jax", HEAVY)["modules"] if has_jax else {}
        counts += [(name, package, found.get(package)) for package in HEAVY]
    modules = pd.DataFrame(counts, columns=["module", "package", "n_modules"])
    modules["n_modules"] = pd.to_numeric(modules["n_modules"])
    return Outcome(
        {"times": times, "modules": modules, "bars": bars_of(times, modules)},
        {"speed_import": draw(times)},
    )


def bars_of(times, modules):
    none, lines = pd.Series(dtype=float), []
    for row in times["row"].unique():
        both = pair(times, row, BOTH, KERAS)
        lines.append(bar(row, *both, LIMIT, f"{ASKED}, {row}", LIMITED_BY, quantity="difference"))
    for package, of_package in modules.groupby("package", sort=False):
        alone = of_package["module"] == "kerasreg"
        for where, some in (("kerasreg", alone), ("each of its modules", ~alone)):
            count = of_package.loc[some, "n_modules"].nlargest(1)
            asked = WITHOUT.format(package) if package == HEAVY[0] and where == "kerasreg" else ""
            what = f"{where}: modules of {package}"
            lines.append(bar(what, count, none, 0, asked, quantity="count"))
    return pd.DataFrame(lines)


def draw(times):
    with style():
        rows = list(times.groupby("row", sort=False))
        fig = Figure(figsize=(9, 2.4 * len(rows)), layout="constrained")
        for at, (row, of_row) in enumerate(rows, start=1):
            ax = fig.add_subplot(len(rows), 1, at)
            draw_times(ax, of_row, 1, "seconds")
            both, keras = (warm(times, row, name) for name in (BOTH, KERAS))
            ax.set_title(f"{row[3:]}: {(both - keras).median() * 1e3:.3g} ms beyond Keras")
        return fig
