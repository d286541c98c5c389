"""The reliability diagram: how often each family is right, by how sure it is."""

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tasks.comparison.schema.calibration import Calibration
from tasks.comparison.schema.report import DatasetComparison
from tasks.report.pages.figures.looks import Legend, Look, look, or_nan, percentage
from tasks.report.pages.figures.svg import MUTED, canvas, identifier, inline, style

HEIGHT = 330
LEAST, MOST = 2.0, 9.0  # the sizes of a mark: its area follows the number of answers


def reliability_figure(dataset: DatasetComparison) -> str | None:
    """Accuracy by confidence above, and the share of the answers of each confidence below; None without any bins.

    Accuracies after temperature scaling are hollow marks.
    """
    families = [(n, m.family, m.calibration, m.calibrated) for n, m in enumerate(dataset.models) if m.calibration]
    if not families:
        return None
    legend = Legend([family for _, family, _, _ in families])
    with style():
        figure = canvas(HEIGHT + legend.height, "Accuracy by confidence")
        axes, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (2, 2)))
        for number, family, found, scaled in families:
            _accuracies(axes, found, look(number), legend[family])
            if scaled:
                _accuracies(axes, scaled, look(number))
            _shares(below, found, look(number))
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.03, 1.03))
        below.set(xlabel="confidence in the answer", ylabel="answers", ylim=(0, None))
        for axis in (axes.yaxis, below.yaxis, below.xaxis):
            axis.set_major_formatter(percentage)
        below.yaxis.set_major_locator(MaxNLocator(3, prune="lower"))  # the axis below begins with the same label
        legend.draw(figure, axes)
    name = identifier(dataset.name, dataset.budget, "reliability")
    return inline(figure, name, f"Accuracy by confidence on {dataset.title}")


def _accuracies(axes: Axes, found: Calibration, drawn: Look, label: str | None = None) -> None:
    """The accuracies of a family; without a `label` hollow marks on a thin line, in no legend."""
    full = [each for each in found.bins if each.count]
    x, y = ([or_nan(getattr(each, name)) for each in full] for name in ("confidence", "accuracy"))
    axes.plot(x, y, color=drawn.colour, linestyle=drawn.dash, linewidth=1.2 if label else 0.7)
    most = max(each.count for each in full)
    sizes = [max(LEAST, MOST * (each.count / most) ** 0.5) for each in full]
    areas, fill = [size**2 for size in sizes], drawn.colour if label else "none"
    axes.scatter(
        x, y, areas, facecolor=fill, edgecolor=drawn.colour, marker=drawn.marker, label=label, zorder=3 if label else 4
    )


def _shares(axes: Axes, found: Calibration, drawn: Look) -> None:
    edges = [number / len(found.bins) for number in range(len(found.bins) + 1)]
    shares = [each.count / found.count for each in found.bins]
    axes.stairs(shares, edges, color=drawn.colour, linestyle=drawn.dash, linewidth=1.4)
