"""The CNN's twin in PyTorch, where that is installed: `uv sync --group peers`."""

import importlib.util

import pytest

from tests.support.lazy import Lazy
from tests.support.tiny_data import images_and_labels

network, torch, twins = Lazy("tasks.learning.network"), Lazy("torch"), Lazy("tests.bench.twin")
pytestmark = pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="no PyTorch: `uv sync --group peers`")


def described(side, **facts):
    """A small CNN for square images."""
    common = {"family": "cnn", "classes": 10, "budget": 30_000, "mean": (120.0,) * 3, "std": (60.0,) * 3}
    return network.Description(**common, shape=(side, side, 3), **facts)


@pytest.mark.parametrize(
    ("side", "chosen"), [(8, {}), (28, {"pooling": "average", "activation": "gelu", "depths": "2-2-2"})]
)
def test_the_twin_is_the_same_network(side, chosen):
    """It has as many parameters, and the same weights give the same logits, where pooling leaves a rest too."""
    description = described(side, hyperparameters=chosen)
    images = images_and_labels(12, 3, seed=1)[0].repeat(4, axis=1).repeat(4, axis=2)[:, :side, :side]
    model, twin = network.assemble(description), twins.twin_of(description).eval()
    network.adapt(model, images)
    twins.carry_over(model, twin)
    assert twins.parameters(twin) == model.count_params()
    with torch.no_grad():
        answers = twin(torch.from_numpy(images)).numpy()
    assert answers == pytest.approx(model.predict(images, verbose=0), rel=1e-3, abs=1e-3)


def test_a_twin_of_another_size_is_refused():
    """A CNN with a learned stem has no twin here, and the error says what to do."""
    with pytest.raises(ValueError, match=r"expected a twin of .* follow tasks/models/cnn.py"):
        twins.twin_of(described(16, tricks={"whitening": False}))
