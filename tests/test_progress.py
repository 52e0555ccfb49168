import io
from contextlib import redirect_stderr

import numpy as np
import pytest

from kerasreg.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(params=[Terminal, io.StringIO], ids=["terminal", "file"])
def output(request):
    return request.param()


def shown(stream):
    """What is on the line at the end."""
    return stream.getvalue().rstrip("\n").rpartition("\r")[2]


@pytest.mark.backend_free
@pytest.mark.parametrize("verbose", [0, 1, "auto"])
def test_bar_is_shown_to_a_terminal_or_when_asked_for(output, verbose):
    with redirect_stderr(output), progress_bar(3, "reading", "page", verbose) as bar:
        for page in (1, 2, 3):
            bar.set_postfix_str(f"page {page}")
            bar.update()
    if verbose == 1 or (verbose == "auto" and output.isatty()):
        assert "reading: 100%" in shown(output)
        assert "3/3" in shown(output)
        assert " pages" in shown(output)
        assert "page 3" in shown(output)
    else:
        assert output.getvalue() == ""


@pytest.mark.backend_free
def test_a_bar_is_drawn_rarely(output):
    with redirect_stderr(output), progress_bar(10_000, "reading", "page", 1) as bar:
        for page in range(10_000):
            bar.set_postfix_str(f"page {page}")
            bar.update()
    # At most ten times a second; 10 000 updates take a few hundredths of one.
    assert output.getvalue().count("reading") < 100
    assert output.getvalue().count("reading") > 1


@pytest.mark.tensorflow
class TestOfTrain:
    X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")

    def train(self, **options):
        import keras

        from kerasreg.training import train

        keras.utils.set_random_seed(0)
        dense = keras.layers.Dense(1, kernel_regularizer="l2")
        model = keras.Sequential([keras.Input((3,)), dense], name="small")
        options = {"loss": "mse", "epochs": 3, "seed": 0, "jit_compile": False, **options}
        return train(model, self.X, self.X[:, :1], **options)

    def test_shows_the_epochs_and_the_last_losses(self, output):
        with redirect_stderr(output):
            result = self.train(verbose=1)
        curves = result.curves.query("epoch == 3").set_index("quantity")["value"]
        losses = {name: f"{name} {curves[name]:.4g}" for name in ("loss", "data_loss", "penalty")}
        assert "training small: 100%" in shown(output)
        assert "3/3" in shown(output)
        assert "{loss} = {data_loss} + {penalty}".format(**losses) in shown(output)

    def test_is_quiet_where_no_terminal_watches(self, output):
        with redirect_stderr(output):
            self.train()
        assert bool(output.getvalue()) == output.isatty()

    def test_does_the_same_whether_it_is_watched_or_not(self, output):
        with redirect_stderr(output):
            assert self.train(verbose=1).weights.equals(self.train(verbose=0).weights)

    @pytest.mark.parametrize("verbose", [2, "yes", None])
    def test_says_what_verbose_may_be(self, verbose):
        with pytest.raises(ValueError) as error:
            self.train(verbose=verbose)
        assert str(error.value) == (
            'Invalid value for argument `verbose`: expected 0, 1 or "auto". '
            f"Received: verbose={verbose!r}"
        )

    def test_writes_event_files_of_each_call_to_a_folder_of_its_own(self, tmp_path):
        for _ in range(2):
            self.train(log_dir=tmp_path, epochs=1, validation_data=(self.X, self.X[:, :1]))
        names = {"train", "validation", "run-2"}
        assert {path.name for path in tmp_path.iterdir()} == names
