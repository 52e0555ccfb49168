"""Mutation check of the penalties: does a test fail for every formula that is slightly wrong?

    python -m tests.robustness.mutants            all mutants, about half an hour on one core
    python -m tests.robustness.mutants 3 17       only these numbers

Each mutant changes one place of `kerasreg/regularizers` in a copy of the package, where the fast
tests of the penalties run until one fails, the shortest of them first. Prints which test killed
each mutant; the exit status is 1 if any survived. Mutants that compute the same numbers, such as
< for <= where both sides of the branch agree, are not in the list.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "kerasreg/regularizers"
TESTS = ("tests/regularizers", "tests/robustness/test_properties_of_penalties.py")
# A plugin for pytest: remembers how long the tests take without a mutant, and sorts them by it.
SHORTEST_FIRST = """
import json
import pathlib

FILE = pathlib.Path(__file__).with_suffix(".json")
KNOWN = json.loads(FILE.read_text()) if FILE.exists() else {}
SEEN = {}


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: KNOWN.get(item.nodeid, 0.0))


def pytest_runtest_logreport(report):
    SEEN[report.nodeid] = SEEN.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish():
    if not KNOWN:
        FILE.write_text(json.dumps(SEEN))
"""


class Mutant(NamedTuple):
    """`text` stands `count` times in `file`; the one with number `index` is replaced."""

    file: str
    text: str
    replacement: str
    index: int = 0
    count: int = 1

    def apply(self, source: str) -> str:
        parts = source.split(self.text)
        before, after = parts[: self.index + 1], parts[self.index + 1 :]
        return self.text.join(before) + self.replacement + self.text.join(after)


def _of(file: str, *mutants: tuple) -> list[Mutant]:
    return [Mutant(file, *mutant) for mutant in mutants]


MUTANTS = [
    *_of(
        "separable.py",
        ("0.0, w - ops.sign(w) * threshold", "0.0, w + ops.sign(w) * threshold"),
        ("0.0, w - ops.sign(w) * threshold", "0.0, w"),
        ("/ (1 + 2 * step_size * l2)", "/ (1 + step_size * l2)"),
        ("/ (1 + 2 * step_size * l2)", "/ (1 + 2 * l2)"),
        ("/ (1 + 2 * step_size * l2)", "* (1 - 2 * step_size * l2)"),
        ("soft_threshold(w, step_size * l1)", "soft_threshold(w, l1)"),
        ("l1 * ops.sign(w) + (2 * l2) * w", "l1 * ops.sign(w) + l2 * w"),
        ("l1 * ops.sign(w) + (2 * l2) * w", "l1 * ops.sign(w) - (2 * l2) * w"),
        ("modulus * (l1 + l2 * modulus)", "modulus * (l1 + l2)"),
        ("modulus * (l1 + l2 * modulus)", "w * (l1 + l2 * modulus)"),
        ("strength * (1 - self.l1_ratio) / 2", "strength * (1 - self.l1_ratio)"),
        ("strength * (1 - self.l1_ratio) / 2", "strength * self.l1_ratio / 2"),
        ("return strength * self.l1_ratio, ", "return self.l1_ratio, "),
        ('cls(2 * finite_float("alpha"', 'cls(finite_float("alpha"'),
        ("height = 2 * self._slope(near, strength) - self._slope(2 * near, strength)",
         "height = self._slope(near, strength)"),
        ("ops.where(is_infinite, math.inf, height)", "height"),
        ("of_one[0] > _GROWS * of_one[1]", "of_one[0] > 0 * of_one[1]"),
        ("ops.relu(ops.abs(grad) - self._slope", "ops.relu(grad - self._slope"),
        ("ops.relu(ops.abs(grad) - self._slope", "(ops.abs(grad) - self._slope"),
        ("ops.abs(grad + self._slope(w, strength))", "ops.abs(grad - self._slope(w, strength))"),
        ("ops.max(ops.abs(grad)) if", "ops.max(grad) if"),
        ("infinite = ops.where(steepest > 0, math.inf, steepest)", "infinite = math.inf"),
        ("steepest / ops.where(has_kink", "steepest * ops.where(has_kink"),
        ("return upstream * slope(weights)", "return slope(weights)"),
        ("if size % _SLICES:", "if False:"),
        ("range(length, length * _SLICES, length)", "range(0, length * _SLICES, length)"),
    ),
    *_of(
        "nonconvex.py",
        ("ops.where(modulus == 0, 0.0, ops.sign(w) * modulus)", "ops.sign(w) * modulus"),
        ("minimum(ops.abs(w), self.gamma * strength)", "minimum(ops.abs(w), self.gamma)"),
        ("rising / (2 * self.gamma)", "rising / self.gamma"),
        ("ops.relu(strength - ops.abs(w) / self.gamma)", "strength - ops.abs(w) / self.gamma"),
        ("strength - ops.abs(w) / self.gamma", "strength - ops.abs(w) / (2 * self.gamma)"),
        ("is_convex = step_size < self.gamma", "is_convex = step_size <= self.gamma"),
        ("is_convex = step_size < self.gamma", "is_convex = step_size < 2 * self.gamma"),
        ("1 - step_size / self.gamma, 1.0", "1.0 / self.gamma, 1.0"),
        ("firm = minimum(", "firm = maximum("),
        ("strength * ops.sqrt(step_size * self.gamma)", "ops.sqrt(step_size * self.gamma)"),
        ("strength * ops.sqrt(step_size * self.gamma)", "strength * step_size"),
        ("(self.a - 1) * strength)", "self.a * strength)"),
        ("bent**2 / (2 * (self.a - 1))", "bent**2 / (self.a - 1)"),
        ("minimum(modulus, self.a * strength)", "modulus"),
        ("ops.abs(w)) / (self.a - 1)", "ops.abs(w)) / self.a"),
        ("minimum(falling, strength)", "falling"),
        ("is_convex = step_size < width", "is_convex = step_size < self.a"),
        ("(self.a * strength / width)", "(strength / width)"),
        ("minimum(maximum(soft, middle), modulus)", "minimum(soft, modulus)"),
        ("step_size < self.a + 1,", "step_size < self.a - 1,"),
        ("(step_size + self.a + 1) / 2", "(step_size + self.a) / 2"),
        ("ops.sqrt(step_size * (self.a + 1))", "ops.sqrt(step_size * self.a)"),
        ("jump * strength, soft, modulus)", "jump * strength, 0.0, modulus)"),
        ("strength * self.epsilon * ops.log1p", "strength * ops.log1p"),
        ("strength / (1 + ops.abs(w) / self.epsilon)", "strength / (1 + ops.abs(w))"),
        ("2 * ops.sqrt(product)", "ops.sqrt(product)"),
        ("modulus - 2 * product / (total + root)", "modulus - product / (total + root)"),
        ("larger * (larger / 2 - modulus)", "larger * (larger - modulus)"),
        ("ops.where(threshold <= self.epsilon, modulus <= threshold, objective >= 0)",
         "modulus <= threshold"),
        ("ops.where(threshold <= self.epsilon, modulus <= threshold, objective >= 0)",
         "larger <= 0"),
    ),
    *_of(
        "grouped.py",
        ("r = ops.relu(norm - threshold)", "r = norm - threshold"),
        ("r = ops.relu(maximum(norm - _max(threshold, axes), alone))",
         "r = ops.relu(norm - _max(threshold, axes))"),
        ("(ops.sqrt(square) - 1) * (square / bend)", "(ops.sqrt(square) - 1) * square"),
        ("(ops.sqrt(square) - 1) * (square / bend)", "(square - 1) * (square / bend)"),
        ("ops.any(ops.abs(longer - r) > last * longer)",
         "ops.all(ops.abs(longer - r) > last * longer)"),
        ("return w * (r / maximum(r + threshold, tiny))", "return w * (r / (r + threshold))"),
        ("scale * ops.sqrt(_sum(ops.square(x / scale), axes))",
         "ops.sqrt(_sum(ops.square(x), axes))"),
        ("return ops.where(x > 0, x, 1.0)", "return x"),
        ('(1 if self.groups == "outputs" else 2)', '(2 if self.groups == "outputs" else 1)'),
        ("math.sqrt(max(size, 1))", "max(size, 1)"),
        ("math.sqrt(max(size, 1))", "math.sqrt(size)"),
        ("ops.sqrt(ops.cast(size, w.dtype))", "ops.cast(size, w.dtype)"),
        ("strength * (1 - self.l1_ratio) * self._root_size(w)", "strength * self._root_size(w)"),
        ("of_weights * ops.sum(_sum(ops.abs(w), axes))", "ops.sum(_sum(ops.abs(w), axes))"),
        ("of_weights * ops.sign(w) + of_norms", "of_norms"),
        ("soft_threshold(w, step_size * of_weights)", "soft_threshold(w, of_weights)"),
        ("block_soft_threshold(w, step_size * of_norms, ", "block_soft_threshold(w, of_norms, "),
        ("beyond * (ops.relu(norm - of_norms)", "beyond * ((norm - of_norms)"),
        ("ops.relu(ops.abs(grad) - of_weights)", "ops.abs(grad)"),
        ("at_zero = ops.where(_max(ops.abs(w), axes) == 0, in_zero_group, beyond)",
         "at_zero = beyond"),
        ("_max(modulus, axes) / (of_weights + of_norms)", "0 * _max(modulus, axes)"),
        ("_norm(modulus, axes) / self._root_size(grad)", "_norm(modulus, axes)"),
        ("if 0 < of_weights < 1 else 0", "if of_weights > 1 else 0"),
        ("/ _or_one(norm)) + of_norms", "/ _or_one(norm)) - of_norms"),
    ),
    *_of(
        "activity.py",
        ("ops.relu(divergence) + tangent", "divergence + tangent"),
        ("tangent = self._derivative(inside) * (means - inside)", "tangent = 0.0"),
        ("divergence = -self.target * ops.log(", "divergence = -ops.log("),
        ("divergence -= (1 - self.target) *", "divergence += (1 - self.target) *"),
        ("factor = self._per_activity(w, strength) * self._sizes(w)[1]",
         "factor = strength"),
        ("return strength * batch_size / maximum", "return strength / maximum"),
        ("self._derivative(self._inside(self._means(w)))", "self._derivative(self._means(w))"),
        ("ops.abs(excess) / mean_step", "ops.abs(excess)"),
        ("ops.abs(excess) / mean_step", "math.inf"),
        ("means - mean_step * middle", "means - middle"),
        ("ops.abs(middle) < slope", "ops.abs(middle) > slope"),
        ('{"float32": 25, ', '{"float32": 12, '),
        ("return w - step_size * far", "return w - mean_step * far"),
        ("ops.where(steepest > 0, math.inf, steepest)", "math.inf"),
        ("batch_size = shape[0] if shape else 1", "batch_size = 1"),
        ("range(len(w.shape) - 1)", "range(len(w.shape))"),
        ("(means - self.target) / (means * (1 - means))", "(means - self.target) / means"),
    ),
    *_of(
        "penalty.py",
        ("return self.strength\n", "return 1.0\n"),
        ('return finite_float("strength", strength, minimum=0)', "return self.strength"),
        ("ops.cast(point, dtype) if", "point if"),
    ),
    *_of(
        "keras_builtin.py",
        ("return strength * self.regularizer(w)", "return self.regularizer(w)"),
        ("return strength * self.l1, strength * self.l2", "return self.l1, strength * self.l2"),
        ("return strength * self.l1, strength * self.l2", "return strength * self.l1, self.l2"),
        ('config["strength"] * factor', "factor"),
        ("as_given(getattr(regularizer, name)) * factor", "getattr(regularizer, name) * factor"),
        ("as_given(getattr(regularizer, name)) * factor", "factor"),
    ),
    *_of(
        "priors.py",
        ("factor / (math.prod([scale] * power) * n_samples)",
         "factor / math.prod([scale] * power) * n_samples"),
        ("_strength(scale, 2, n", "_strength(scale, 1, n"),
        ("factor = 2 * noise_scale * noise_scale", "factor = noise_scale * noise_scale"),
        ('whole_number("n_samples", n_samples, minimum=1)',
         'whole_number("n_samples", n_samples, minimum=0)'),
    ),
    *_of(
        "../arguments.py",
        ("minimum <= number <= maximum", "minimum < number <= maximum"),
        ("if number in (low, high):", "if number in (high,):"),
    ),
    *_of(
        "validation.py",
        ("np.all(steps > 0)", "np.all(steps >= 0)"),
        ("np.all(np.isfinite(steps))", "True"),
    ),
]  # fmt: skip


def main(numbers: list[int]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        ignored = shutil.ignore_patterns("__pycache__", "browser", "experiments")
        for name in ("kerasreg", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", copy)
        (copy / "shortest_first.py").write_text(SHORTEST_FIRST)
        failed, seconds = _first_failure(copy)
        if failed:
            print(f"The tests fail without a mutant: {failed}")
            return 2
        print(f"No mutant: all tests pass in {seconds:.0f} s\n", flush=True)
        survivors = []
        for number in numbers or range(len(MUTANTS)):
            mutant = MUTANTS[number]
            path = copy / PACKAGE / mutant.file
            original = path.read_text()
            path.write_text(mutant.apply(original))
            try:
                failed, seconds = _first_failure(copy)
            finally:
                path.write_text(original)
            if not failed:
                survivors.append(number)
            change = f"{mutant.file}: {mutant.text!r} -> {mutant.replacement!r}"
            print(
                f"{number:3} {failed or 'SURVIVED'} ({seconds:.0f} s)\n      {change}", flush=True
            )
    count = len(numbers or MUTANTS)
    print(f"\n{count - len(survivors)} of {count} mutants killed; survivors: {survivors or 'none'}")
    return 1 if survivors else 0


def _first_failure(copy: Path) -> tuple[str, float]:
    """The test that fails, or "" if all pass; and the seconds that it took."""
    # Bytecode of a mutant of the same size within the same second would run in its place.
    for cache in (copy / PACKAGE).parent.rglob("__pycache__"):
        shutil.rmtree(cache)
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-m", "not slow"]
    command += ["-p", "no:randomly", "-p", "no:cacheprovider", "-p", "shortest_first"]
    command += TESTS
    start = time.monotonic()
    run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
    seconds = time.monotonic() - start
    if run.returncode == 0:
        return "", seconds
    found = re.search(r"^(?:FAILED|ERROR) (?:tests/)?(.+?)(?: - |$)", run.stdout, re.MULTILINE)
    if not found:
        raise RuntimeError(f"pytest did not run: {run.stdout[-2000:]}{run.stderr[-2000:]}")
    return found[1], seconds


if __name__ == "__main__":
    sys.exit(main([int(number) for number in sys.argv[1:]]))
