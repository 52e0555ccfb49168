"""New processes that import Keras and then kerasreg, and say what that took and brought."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

HEAVY = ("tensorflow", "pandas", "matplotlib", "sklearn")
PROGRAM = """
import json, sys, time
class Hidden:  # from Keras, which does without
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
start = time.perf_counter()
import keras
middle = time.perf_counter()
sys.meta_path.pop(0)
import {module}
end = time.perf_counter()
roots = [name.partition(".")[0] for name in sys.modules]
counts = {{name: roots.count(name) for name in {heavy}}}
print(json.dumps({{"keras": middle - start, "both": end - start, "modules": counts}}))
"""


def imported(module: str, backend: str, hidden: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a new process says of its imports; `hidden` are packages that Keras is not to find."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    # As after an installation: what Python has compiled it finds again in the next process.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    program = PROGRAM.format(module=module, heavy=HEAVY, hidden=hidden)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
