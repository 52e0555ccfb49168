"""That what one process has trained is let go of: programs and models, not bytes.

The numbers of `long_use.py`, in short; memory itself is that script's.
"""

import gc

import keras
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("counts what TensorFlow traces", allow_module_level=True)

from keras.src.backend.common import global_state

from kerasreg.grid.elementwise import slots_per_weight
from kerasreg.optimizers import ProximalAdam
from tests.robustness.long_use import KINDS, Calls, Traces, main, slope


def left_by(kind, way, n_calls, jit_compile=False):
    """The traces before the last call, and after it, and how many models are there in the end."""
    with Traces() as traces:
        calls = Calls(kind, way, jit_compile)
        for number in range(n_calls):
            before = traces.traced, traces.compiled
            calls(number)
        gc.collect()
        return before, (traces.traced, traces.compiled), traces.alive, len(calls.models)


@pytest.mark.parametrize("kind", ["path", "train"])
def test_thirty_calls_with_one_model_trace_what_the_first_did(kind):
    first = left_by(kind, "same", 1)[1]
    before, after, alive, models = left_by(kind, "same", 30)
    assert first == before == after
    assert 0 < alive <= after[0]
    assert models == 1


@pytest.mark.parametrize("kind", ["path", "train"])
def test_models_and_their_programs_are_gone_with_the_last_reference(kind):
    _, (traced, _), alive, models = left_by(kind, "new", 4)
    assert traced >= 4
    assert alive == models == 0


def test_other_settings_take_the_place_of_the_programs_before():
    (before, _), (after, _), alive, models = left_by("path", "settings", 4)
    assert after - before == before // 3
    assert alive <= after - before
    assert models == 1


def test_a_fit_with_the_monitor_leaves_nothing():
    _, _, alive, models = left_by("fit", "new", 2)
    assert alive == models == 0


def test_sizing_a_chunk_makes_no_variable_with_a_new_name():
    # TensorFlow keeps kernels for every name: 50 KiB a call, for good.
    optimizer = ProximalAdam()
    slots_per_weight(optimizer)
    names = dict(global_state.get_global_attribute("object_name_uids"))
    assert slots_per_weight(optimizer) == 2
    assert names == global_state.get_global_attribute("object_name_uids")


def test_the_slope_leaves_the_warm_up_out():
    numbers = [20, 40, 60, 80, 100]
    assert slope(numbers, [500, 7, 10, 12, 14]) == pytest.approx(0.1)
    assert slope([20, 40, 60], [1, 2, 3]) != slope([20, 40, 60], [1, 2, 3])  # NaN


def test_the_script_says_what_it_can_do(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    # Lines break at hyphens and blanks.
    said = "".join(capsys.readouterr().out.split())
    assert all(kind in said for kind in KINDS)
    with pytest.raises(SystemExit, match="2"):
        main(["path-old"])
    assert "unknown kinds ['path-old']" in capsys.readouterr().err
