"""Runs of the experiments that are killed, with one job and with two."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.robustness.killed_runs import Runs, Start


class Results(Runs):
    """Runs of the experiments: odd ones with one job, even ones with two.

    Half of them find older results in the folder, which have to be whole until they are replaced.
    """

    def __init__(self, scratch: Path, fresh: bool, names: Iterable[str]):
        super().__init__(scratch, fresh, [f"experiments.{name}" for name in names])
        self.names = sorted(names)
        self.reference, self.old = scratch / "reference", scratch / "old"

    def undisturbed(self) -> None:
        self.time(self.reference, 1)
        self.whole = {name: _timeless(self.reference / name) for name in self.names}
        shutil.copytree(self.reference, self.old)
        for name in self.names:
            (self.old / name / "old.csv").write_text("last\nyear\n")
        self._write_index(self.old)
        self.old_whole = {name: _timeless(self.old / name) for name in self.names}

    def begin(self, folder: Path, number: int) -> None:
        if self._begins_old(number):
            shutil.copytree(self.old, folder)

    def start(self, folder: Path, number: int) -> Start:
        jobs = str(2 - number % 2)
        arguments = ["-m", "experiments", *self.names, "--quick", "--jobs", jobs]
        return self.spawn([*arguments, "--out", str(folder)])

    def works(self, start: Start, folder: Path) -> bool:
        return start.log.read_bytes().count(b"\n[") > 0

    def writes(self, folder: Path) -> Callable[[], bool]:
        def names() -> set[tuple[str, int]]:
            try:
                return {(entry.name, entry.inode()) for entry in os.scandir(folder)}
            except FileNotFoundError:
                return set()

        before = names()

        def now() -> bool:
            new = {name for name, inode in names() - before}
            return any(name in self.names or name.endswith((".tmp", ".old")) for name in new)

        return now

    def torn(self, folder: Path, number: int) -> Iterator[str]:
        there = {path.name: path for path in folder.iterdir() if not path.name.startswith(".")}
        index = {name: there.pop(name, None) for name in ("claims.csv", "README.md")}
        for name, path in there.items():
            if name not in self.names:
                yield f"{name} is no result"
            elif _timeless(path) != self.whole[name] and not (
                self._begins_old(number) and _timeless(path) == self.old_whole[name]
            ):
                yield f"{name} is neither the old result nor the new one"
        for name in sorted(set(self.names) - set(there)) if self._begins_old(number) else ():
            moved = list(folder.glob(f".{name}.*.old"))
            if len(moved) != 1 or _timeless(moved[0]) != self.old_whole[name]:
                yield f"the old {name} is gone, and there is no new one"
        progress = folder / ".progress.json"
        try:
            if progress.exists() and not isinstance(json.loads(progress.read_bytes()), dict):
                yield ".progress.json is no mapping"
        except ValueError as error:
            yield f".progress.json: {error}"
        allowed = list(self._indices(folder, number))
        for name, path in index.items():
            content = path.read_bytes() if path else None
            if content not in [each[name] for each in allowed]:
                yield f"{name} is not drawn from what is or was there"

    def done(self, folder: Path) -> dict[str, int]:
        try:
            marks = json.loads((folder / ".progress.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return {name: 1 for name in self.names if name in marks}

    def over(self, start: Start, folder: Path, done: dict[str, int]) -> bool:
        ends = re.findall(r"\[\d+/\d+\] \w+: [0-9.]+ s, ", start.log.read_text(errors="replace"))
        remembered = (folder / ".progress.json").exists()
        return not remembered and len(ends) + len(done) == len(self.names)

    def again(self, start: Start, done: dict[str, int]) -> Iterator[str]:
        lines = start.log.read_text(errors="replace").splitlines()
        said = ", ".join(done)
        going_on = f"Going on with the unfinished run: {said} done already "
        if done and self._has_begun(lines) and not any(x.startswith(going_on) for x in lines):
            yield f"the start did not say that it goes on with {said}"
        found = {match[1] for line in lines if (match := re.match(r"\[\d+/\d+\] (\w+): ", line))}
        yield from (f"{name} was finished and has run again" for name in sorted(found & set(done)))

    def differences(self, folder: Path, number: int) -> Iterator[str]:
        expected = {*self.names, "claims.csv", "README.md"}
        names = {path.name for path in folder.iterdir()}
        if names != expected:
            yield f"too many or missing: {', '.join(sorted(names ^ expected))}"
        for name in self.names:
            if _timeless(folder / name) != self.whole[name]:
                yield f"{name} differs"
        if (folder / "claims.csv").read_bytes() != (self.reference / "claims.csv").read_bytes():
            yield "claims.csv differs"
        if (folder / "README.md").read_bytes() != next(self._indices(folder, number))["README.md"]:
            yield "README.md is not drawn from what is there"

    def _begins_old(self, number: int) -> bool:
        return number % 4 in (2, 3)

    def _has_begun(self, lines: list[str]) -> bool:
        return any(re.match(r"\[\d+/\d+\] |\d+ experiments, ", line) for line in lines)

    def _indices(self, folder: Path, number: int) -> Iterator[dict[str, bytes | None]]:
        """The index of what is there, and those of what was there before the last result came."""
        before = {name: self.old / name for name in self.names if self._begins_old(number)}
        there = {name: folder / name for name in self.names if (folder / name).exists()}
        now = {**before, **there}  # what is being replaced is gone for a moment
        for last in (None, *there):
            shown = {name: path for name, path in now.items() if name != last}
            if last in before:
                shown[last] = before[last]
            with tempfile.TemporaryDirectory(dir=self.scratch) as drawn:
                for name, path in shown.items():
                    (Path(drawn) / name).symlink_to(path)
                if shown:
                    self._write_index(Path(drawn))
                files = {name: Path(drawn) / name for name in ("claims.csv", "README.md")}
                yield {n: p.read_bytes() if p.exists() else None for n, p in files.items()}

    def _write_index(self, folder: Path) -> None:
        from experiments.runner import ledger, report

        report.write_index(folder, ledger.read_claims(self.code / "experiments"))


def _timeless(folder: Path) -> dict[str, bytes]:
    """The files of a result by name, without the seconds that it took."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {
        name: re.sub(rb'"seconds": [0-9.]+', b"", content) if name == "run.json" else content
        for name, content in files.items()
    }
