"""The CNN once more, in PyTorch: the same layers and widths, in channels-last memory, and the plainest loop around it.

The twin follows `tasks/models/cnn.py` with its first layer whitened, which is frozen in both. Weights that are carried
over give the same logits. Its loop has no augmentation and no metrics.
"""

import keras
import keras_tuner
import torch
from torch import nn
from torch.nn import functional

from tasks.learning.network import Description, assemble, parts
from tasks.learning.optimizers import optimizer_from
from tasks.models import cnn
from tests.bench.clock import Speed, speed, timed
from tests.bench.contest import Contest

EPSILON, MOMENTUM = 1e-3, 0.1  # of batch normalisation, as Keras has them; PyTorch's momentum is 1 less Keras'


class Twin(nn.Module):
    """From images, uint8 [n, h, w, c], to logits [n, classes]."""

    def __init__(self, description: Description):
        super().__init__()
        hp = keras_tuner.HyperParameters()
        hp.values = dict(description.hyperparameters)
        chosen = cnn.choices(hp, description.tricks)
        widths = cnn.widths(chosen, description.shape, description.classes, description.budget)
        channels, filters = description.shape[-1], 2 * min(cnn.PATCH**2 * description.shape[-1], cnn.DIRECTIONS)
        self.register_buffer("mean", torch.tensor(description.mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(description.std).reshape(1, -1, 1, 1))
        self.patches = nn.Conv2d(channels, filters, cnn.PATCH, stride=cnn.STRIDE, padding=1, bias=False)
        self.patches.requires_grad_(False)
        inputs = (filters, *widths[:-1])
        self.stages = nn.ModuleList(map(_Stage, inputs, widths, chosen.depths, [chosen.activation] * len(widths)))
        self.pool = (nn.MaxPool2d if chosen.pooling == "max" else nn.AvgPool2d)(2, ceil_mode=True)
        self.dropout = nn.Dropout(chosen.dropout)
        self.head = nn.Linear(widths[-1], description.classes)
        self.activation = getattr(functional, chosen.activation)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        standardised = (images.permute(0, 3, 1, 2).float() - self.mean) / self.std
        x = self.activation(self.patches(standardised))
        for number, stage in enumerate(self.stages):
            x = stage(self.pool(x) if number else x)
        return self.head(self.dropout(x.mean(dim=(2, 3))))


class _Stage(nn.Module):
    """A convolution to the stage's width, then further ones with shortcuts."""

    def __init__(self, before: int, width: int, depth: int, activation: str):
        super().__init__()
        inputs = (before, *[width] * (depth - 1))
        self.convolutions = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(size, width, cnn.KERNEL, padding=1, bias=False), nn.BatchNorm2d(width, EPSILON, MOMENTUM)
            )
            for size in inputs
        )
        self.activation = getattr(functional, activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for number, convolution in enumerate(self.convolutions):
            y = self.activation(convolution(x))
            x = x + y if number else y
        return x


def parameters(twin: Twin) -> int:
    """All weights as Keras counts them: frozen ones and the moving statistics of batch normalisation included."""
    return sum(value.numel() for module in twin.modules() for value in _weights(module))


def _weights(module: nn.Module) -> list[torch.Tensor]:
    """A layer's own weights in Keras' order; batch normalisation's counter of batches is none."""
    moving = module.buffers(recurse=False) if isinstance(module, nn.BatchNorm2d) else ()
    return [*module.parameters(recurse=False), *(value for value in moving if value.ndim)]


def carry_over(model: keras.Model, twin: Twin) -> None:
    """Give the twin the weights of the assembled `model`."""
    _, network, _ = parts(model)
    arrays = [array for layer in network.layers for array in layer.get_weights()]
    weights = [value for module in twin.modules() for value in _weights(module)]
    for array, weight in zip(arrays, weights, strict=True):
        axes = (3, 2, 0, 1) if array.ndim == 4 else range(array.ndim)[::-1]  # PyTorch has the outputs first
        weight.data.copy_(torch.from_numpy(array.transpose(axes).copy()))


def twin_of(description: Description) -> Twin:
    """The twin of the CNN that `description` says.

    Raises:
        ValueError: the two differ in their number of parameters.
    """
    twin, expected = Twin(description), assemble(description).count_params()
    if parameters(twin) != expected:
        raise ValueError(
            f"expected a twin of {expected:,} parameters, received one of {parameters(twin):,}; "
            "let tests/bench/twin.py follow tasks/models/cnn.py"
        )
    return twin


class Loop:
    """The twin, its optimizer and its images; each call of `turn` trains on all of the images once."""

    def __init__(self, contest: Contest):
        torch.set_num_threads(1)
        torch.manual_seed(contest.recipe.seed)
        chosen = optimizer_from({})
        self._twin = twin_of(contest.description).to(memory_format=torch.channels_last)
        learning = [weight for weight in self._twin.parameters() if weight.requires_grad]
        self._optimizer = torch.optim.AdamW(learning, chosen.learning_rate, weight_decay=chosen.weight_decay)
        self._loss = nn.CrossEntropyLoss(label_smoothing=chosen.label_smoothing)
        images, labels = map(torch.from_numpy, contest.train)
        self._images, self._labels, self._batch = images, labels.long(), contest.recipe.training.batch_size
        self._train(self._batch)  # the first step is slower than the others

    def turn(self) -> Speed:
        """How fast one pass went."""
        _, taken = timed(lambda: self._train(len(self._labels)))
        return speed(len(self._labels), taken)

    def _train(self, number: int) -> None:
        self._twin.train()
        for rows in torch.randperm(number).split(self._batch):
            self._optimizer.zero_grad()
            self._loss(self._twin(self._images[rows]), self._labels[rows]).backward()
            self._optimizer.step()
