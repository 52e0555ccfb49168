"""Paths with a checkpoint folder that are killed."""

import importlib
import json
import os
import re
import shutil
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.robustness.killed_runs import ROOT, Runs, Start

# Says in a file which epoch of which chunk is trained, before it is kept.
PROGRAM = """
import sys
from pathlib import Path

import keras
import numpy as np

from kerasreg.checkpoints import CheckpointFolder
from kerasreg.optimizers import ProximalAdam
from kerasreg.path import regularization_path

folder, tables, warm_start, epochs = sys.argv[1:]
save = CheckpointFolder.save

def saying(self, name, arrays):
    print("trained", name, int(arrays["epochs_done"]), flush=True)
    save(self, name, arrays)

CheckpointFolder.save = saying
random = np.random.default_rng(0)
x = random.normal(size=(96, 8)).astype("float32")
y = np.tanh(x[:, 0] + random.normal(size=96)).astype("float32")
layers = [
    keras.layers.Dense(16, "relu", kernel_regularizer=keras.regularizers.L1(1.0)),
    keras.layers.Dropout(0.2),
    keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0)),
]
record = regularization_path(
    keras.Sequential([keras.Input((8,)), *layers]), x, y, strengths=np.geomspace(1e-3, 0.5, 8),
    seeds=(0, 1), chunk_size=2, optimizer=ProximalAdam(1e-2), loss="mse", metrics=["mae"],
    epochs=int(epochs), batch_size=16, validation_data=(x[:20], y[:20]), jit_compile=False,
    warm_start=warm_start == "warm", checkpoint_dir=folder, verbose=0,
)
for name in ("members", "curves", "weights", "coefficients"):
    # As many digits as tell every float from its neighbours.
    getattr(record, name).to_csv(Path(tables) / f"{name}.csv")
"""


class Paths(Runs):
    """Regularization paths: odd ones with warm starts, even ones without."""

    def __init__(self, scratch: Path, fresh: bool, epochs: int):
        super().__init__(scratch, fresh, ["keras", "kerasreg.path", "kerasreg.optimizers"])
        self.epochs = epochs
        self.tables = scratch / "tables"
        (scratch / "program.py").write_text(PROGRAM)
        if "kerasreg" not in sys.modules:
            # Without what `import kerasreg` does, so without Keras, which takes seconds.
            package = types.ModuleType("kerasreg")
            package.__path__ = [str(ROOT / "kerasreg")]
            sys.modules["kerasreg"] = package
        self.checkpoints = importlib.import_module("kerasreg.checkpoints")

    def undisturbed(self) -> None:
        self.whole, self.all_done = [], []
        for number in (0, 1):
            folder = self.scratch / f"reference_{number}"
            self.time(folder, number)
            self.whole.append(self._tables())
            self.all_done.append(self.done(folder))

    def start(self, folder: Path, number: int) -> Start:
        shutil.rmtree(self.tables, ignore_errors=True)
        self.tables.mkdir()
        warm = "warm" if number % 2 else "cold"
        program = [str(self.scratch / "program.py"), str(folder), str(self.tables)]
        return self.spawn([*program, warm, str(self.epochs)])

    def works(self, start: Start, folder: Path) -> bool:
        return b"trained" in start.log.read_bytes()

    def writes(self, folder: Path) -> Callable[[], bool]:
        def now() -> bool:
            try:
                return any(entry.name.endswith(".npy.tmp") for entry in os.scandir(folder))
            except FileNotFoundError:
                return False

        return now

    def torn(self, folder: Path, number: int) -> Iterator[str]:
        call = folder / "call.json"
        try:
            if call.exists():
                json.loads(call.read_bytes())
        except ValueError as error:
            yield f"call.json: {error}"
        for path in sorted(folder.glob("chunk*")):
            try:
                self._epochs(path)
            except ValueError as error:
                yield str(error)

    def done(self, folder: Path) -> dict[str, int]:
        return {path.stem: self._epochs(path) for path in sorted(folder.glob("chunk*"))}

    def again(self, start: Start, done: dict[str, int]) -> Iterator[str]:
        for name, epoch in re.findall(r"trained (\w+) (\d+)\n", start.log.read_text()):
            if int(epoch) <= done.get(name, 0):
                yield f"epoch {epoch} of {name} was kept and is trained again"

    def differences(self, folder: Path, number: int) -> Iterator[str]:
        tables, whole = self._tables(), self.whole[number % 2]
        yield from (f"{name} differs" for name in whole if tables.get(name) != whole[name])
        if self.done(folder) != self.all_done[number % 2]:
            yield "the checkpoint has other chunks or epochs"

    def _epochs(self, path: Path) -> int:
        folder = self.checkpoints.CheckpointFolder.of_worker(path.parent)
        return int(folder.load(path.stem)["epochs_done"])

    def _tables(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.tables.iterdir()}
