"""What a result was made with: versions, backend, device."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("keras", "kerasreg", "numpy", "pandas", "scikit-learn", "tensorflow")


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in (*PACKAGES, "jax") if backend() == "jax" else PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            # Imported from a checkout that nobody installed.
            found[package] = getattr(sys.modules.get(package), "__version__", "not installed")
    return found


def backend() -> str:
    """Keras's backend, without importing Keras for an experiment that did not."""
    keras = sys.modules.get("keras")
    return keras.backend.backend() if keras else os.environ.get("KERAS_BACKEND", "not used")


def device() -> dict[str, Any]:
    """The processor, how many cores of it this process may use, and the backend's GPUs if any."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count()
    found: dict[str, Any] = {"cpu": _cpu(), "cores": cores}
    tensorflow = sys.modules.get("tensorflow")
    gpus = tensorflow.config.list_physical_devices("GPU") if tensorflow else []
    if tensorflow and gpus:
        details = tensorflow.config.experimental.get_device_details
        found["gpus"] = [details(gpu).get("device_name", gpu.name) for gpu in gpus]
    if backend() == "jax":
        devices = [each for each in sys.modules["jax"].devices() if each.platform == "gpu"]
        if devices:
            found["gpus"] = [each.device_kind for each in devices]
    return found


def device_in_words(device: Mapping[str, Any]) -> str:
    """What `device` found, or a file says that it did."""
    gpus = map(str, device.get("gpus", ()))
    return ", ".join([device["cpu"], f"{device['cores']} cores", *gpus])


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
