"""Runs experiments, one after the other or several at a time."""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import importlib
import json
import multiprocessing
import re
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from experiments.outcome import no_progress
from experiments.runner import provenance, storage
from experiments.runner.discovery import Experiment

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 30.0


class Finished(NamedTuple):
    """The files of an experiment, and the seconds that it took."""

    files: dict[str, bytes]
    seconds: float


class Failed(NamedTuple):
    """Why an experiment failed, in a line and in full."""

    reason: str
    traceback: str

    @classmethod
    def by(cls, error: BaseException) -> Failed:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return cls(reason, "".join(traceback.format_exception(error)))


class Skipped(NamedTuple):
    """What an experiment needs and this machine lacks."""

    needs: str


def results(
    experiments: Mapping[Experiment, str], options: argparse.Namespace, package: str
) -> Iterator[tuple[Experiment, Finished | Failed | Skipped]]:
    """Runs the experiments, given with their labels, and yields each with its result.

    With several jobs, those that measure no seconds share the machine; then the others run one
    after the other, here, and have it for themselves.
    """
    shared: list[Experiment] = []
    if options.jobs > 1:
        shared = [experiment for experiment in experiments if not experiment.timed]
    if shared:
        print(f"{len(shared)} experiments, {options.jobs} at a time", flush=True)
        # Not forked: TensorFlow's threads would not come along.
        context = multiprocessing.get_context("spawn")
        pool = concurrent.futures.ProcessPoolExecutor(options.jobs, mp_context=context)
        try:
            running = {
                pool.submit(_run_one, experiment, options, package, no_progress): experiment
                for experiment in shared
            }
            for future in concurrent.futures.as_completed(running):
                error = future.exception()
                yield running[future], Failed.by(error) if error else future.result()
        finally:
            pool.shutdown(cancel_futures=True)
    for experiment, label in experiments.items():
        if experiment in shared:
            continue
        print(f"{label}: {experiment.question}", flush=True)
        try:
            yield experiment, _run_one(experiment, options, package, track)
        except Exception as error:
            yield experiment, Failed.by(error)


def _run_one(
    experiment: Experiment, options: argparse.Namespace, package: str, track: Any
) -> Finished | Skipped:
    module = importlib.import_module(f"{package}.{experiment.name}")
    needs = module.missing() if hasattr(module, "missing") else ""
    if needs:
        return Skipped(needs)
    settings = module.QUICK if options.quick else module.Settings()
    has_seeds = any(field.name == "seeds" for field in dataclasses.fields(settings))
    if options.seeds and has_seeds:
        settings = dataclasses.replace(settings, seeds=tuple(range(options.seeds)))
    if options.data:
        settings = dataclasses.replace(settings, data=options.data)
    log_dir = None
    if options.logs:
        log_dir = options.logs / experiment.name
        from kerasreg.tensorboard.event_files import FILE_NAME  # here: `--list` does without Keras

        # Event files of an earlier run would be drawn into the same charts.
        for events in log_dir.rglob(f"{FILE_NAME}*"):
            events.unlink()
    _start_alike()
    start = time.perf_counter()
    outcome = module.run(settings, track=track, log_dir=log_dir and str(log_dir))
    seconds = time.perf_counter() - start
    about = {
        "experiment": experiment.name,
        "title": experiment.title,
        "description": experiment.description,
        "question": experiment.question,
        "systems": experiment.systems,
        "claims": experiment.claims,
    }
    run = {
        "quick": options.quick,
        "settings": dataclasses.asdict(settings),
        "seeds": getattr(settings, "seeds", ()),
        "backend": provenance.backend(),
        "versions": provenance.versions(),
        "device": provenance.device(),
        "seconds": round(seconds, 1),
    }
    files = storage.as_files(outcome, getattr(module, "findings", None), about, run)
    if log_dir is not None:
        _log(log_dir, files)
    return Finished(files, seconds)


def _log(log_dir: Path, files: Mapping[str, bytes]) -> None:
    """Writes the figures, what was asked and what was found for TensorBoard."""
    from kerasreg.tensorboard import summaries
    from kerasreg.tensorboard.event_files import EventFiles

    about = json.loads(files[storage.FINDINGS])
    texts = {"question": f"**{_markdown(about['question'])}**"}
    if about["description"]:
        texts["description"] = _markdown(about["description"])
    for finding in about["findings"]:
        verdict, statement, rule = map(
            _markdown, map(finding.get, ("verdict", "statement", "rule"))
        )
        text = f"**{finding['claim']}: {verdict}.** {statement}\n\nHow this was decided: {rule}"
        # A claim may have been decided more than once, under several conditions.
        earlier = texts.get(finding["claim"])
        texts[finding["claim"]] = f"{earlier}\n\n{text}" if earlier else text
    entries = [summaries.text(tag, text) for tag, text in texts.items()]
    for name, content in files.items():
        if name.endswith(".png"):
            entries.append(summaries.image(name.removesuffix(".png"), content))
    events = EventFiles(log_dir)
    events.add("", 0, entries)
    events.close()


def _markdown(text: str) -> str:
    """The text with what TensorBoard would take for markup escaped, except in code.

    Other than GitHub's, its Markdown shows the backslash before a bar, a tilde or a `<`.
    """
    parts = re.split(r"(`+[^`]+`+)", text)
    parts[::2] = [re.sub(r"([*\\])", r"\\\1", part).replace("<", "&lt;") for part in parts[::2]]
    return "".join(parts)


def _start_alike() -> None:
    """Makes an experiment find the same whether or not others ran before it."""
    keras = sys.modules.get("keras")
    if keras:
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)


def track(iterable: Iterable[T], description: str = "") -> Iterable[T]:
    """Passes on what `iterable` yields and shows how far it is.

    That is a bar on a terminal, and elsewhere a line every half a minute.
    """
    if sys.stderr.isatty():
        from tqdm import tqdm

        bar: Iterable[T] = tqdm(iterable, desc=description, leave=False)
        return bar
    return _lines(iterable, description)


def _lines(iterable: Iterable[T], description: str) -> Iterator[T]:
    total = len(iterable) if isinstance(iterable, Sized) else "?"
    last = time.monotonic()
    for number, item in enumerate(iterable):
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            print(f"    {description}: {number} of {total}", flush=True)
            last = time.monotonic()
        yield item
