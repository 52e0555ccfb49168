"""TensorBoard with the logs of an experiment, of a single run and of a path, and a browser.

Pictures of the pages go to the folder that the environment variable KERASREG_SCREENSHOTS names.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

STRENGTHS = [0.03, 0.01, 0.003, 0.001, 0.0003]
EXPERIMENT = "two_gaussians"  # the quickest of those that train single models
EPOCHS = 20


class Logs(NamedTuple):
    """What was trained: the folder of the event files, and the tables that they have to show."""

    folder: Path
    results: Path  # of the experiment, below which it has a folder
    experiment: str
    epochs: int  # of the single run
    curves: pd.DataFrame  # of the single run
    weights: pd.DataFrame
    path: pd.DataFrame  # curves of the path
    zeros: dict[float, float]  # by strength the share of zeros among the penalized weights


@pytest.fixture(scope="session")
def driver() -> str:
    """Selenium's driver of the browser; skips where there is none."""
    pytest.importorskip("selenium", reason="needs selenium, which is in the extra `test`")
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: apt-get install chromium chromium-driver")
    return str(shutil.which("chromedriver"))


@pytest.fixture(scope="session")
def logs(driver: str, tmp_path_factory: pytest.TempPathFactory) -> Logs:
    import keras

    import kerasreg
    from experiments import runner
    from kerasreg import datasets, training
    from kerasreg.path import regularization_path

    folder = tmp_path_factory.mktemp("tensorboard") / "logs"
    results = tmp_path_factory.mktemp("results")
    data = datasets.digits(seed=0)
    validation = (data.x_validation, data.y_validation)
    settings = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}

    def network(strength: float) -> keras.Model:
        keras.utils.set_random_seed(0)
        penalty = keras.regularizers.L1(strength)
        hidden = keras.layers.Dense(32, "relu", kernel_regularizer=penalty, name="hidden")
        output = keras.layers.Dense(10, "softmax", kernel_regularizer=penalty, name="output")
        return keras.Sequential([keras.Input((64,)), hidden, output])

    record = training.train(
        network(1e-3),
        data.x_train,
        data.y_train,
        optimizer=kerasreg.optimizers.ProximalAdam(3e-3),
        epochs=EPOCHS,
        seed=0,
        validation_data=validation,
        log_dir=str(folder / "digits"),
        **settings,
    )
    path = regularization_path(
        network(1.0),
        data.x_train,
        data.y_train,
        strengths=STRENGTHS,
        optimizer=kerasreg.optimizers.ProximalAdam(3e-3),
        epochs=10,
        validation_data=validation,
        log_dir=str(folder / "path"),
        **settings,
    )
    arguments = [EXPERIMENT, "--quick", "--logs", str(folder), "--out", str(results)]
    assert runner.main(arguments) == 0
    weights = path.weights.query("epoch == 10 and variable.str.endswith('kernel')")
    counts = weights.groupby("strength")[["n_zero", "n_weights"]].sum()
    zeros = (counts["n_zero"] / counts["n_weights"]).to_dict()
    return Logs(
        folder, results, EXPERIMENT, EPOCHS, record.curves, record.weights, path.curves, zeros
    )


@pytest.fixture(scope="session")
def address(logs: Logs) -> Iterator[str]:
    """Where TensorBoard answers: loopback, at a port that is free."""
    program = [sys.executable, "-m", "tensorboard.main", "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(
        [*program, "--logdir", logs.folder.name],  # the pages show what is said here
        cwd=logs.folder.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            found = re.search(r"http://127\.0\.0\.1:\d+/", line)
            if found:
                break
        else:
            pytest.fail("TensorBoard did not start:\n" + "".join(said))
        yield found[0]
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="session")
def page(driver: str, address: str, tmp_path_factory: pytest.TempPathFactory):
    from browser_page import Page
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (
        "headless",
        "no-sandbox",  # root cannot have one
        "disable-gpu",
        "disable-dev-shm-usage",  # which is small in a container
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        f"user-data-dir={tmp_path_factory.mktemp('browser')}",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    chosen = os.environ.get("KERASREG_SCREENSHOTS")
    screenshots = Path(chosen) if chosen else tmp_path_factory.mktemp("screenshots")
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Page(browser, address, screenshots)
    finally:
        browser.quit()
