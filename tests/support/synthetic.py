"""A made-up run: what the stages would have left, for as many datasets, families and seeds as a test asks."""

from dataclasses import replace

import numpy as np

from tasks.comparison.evidence import Branch, ReplicateEvidence, SearchEvidence, confidence_of
from tasks.comparison.schema.report import Environment
from tasks.learning import temperature
from tasks.learning.metrics import calibrated, measure
from tasks.settings.dataset import Augmentation, Dataset, Source, Splits
from tasks.settings.request import Request
from tasks.settings.training import Search, Training

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ENVIRONMENT = Environment(
    versions={"python": "3.11.2", "keras": "3.15.0", "tensorflow-cpu": "2.21.0"},
    machine={"processor": "x86-64, 4 cores", "system": "Linux"},
    created="2026-11-23T11:40:00+00:00",
)
VERSIONS = ("1a" * 32, "2b" * 32)
ACCURACY = {"ann": 0.52, "cnn": 0.71, "mixer": 0.6}
CENTROID = 0.28  # the accuracy of the nearest centroid
TRAINING = Training(replicates=3, epochs=6, batch_size=256)


def dataset(
    name: str = "cifar10", title: str = "CIFAR-10", budget: int = 250_000, classes: tuple[str, ...] = CLASSES
) -> Dataset:
    """A dataset, of ten classes unless they are given."""
    return Dataset(
        name=name,
        title=title,
        reader="cifar",
        shape=(32, 32, 3),
        classes=classes,
        budget=budget,
        mirror_folder="m",
        splits=Splits(train=("a",), test=("b",)),
        augmentation=Augmentation(flip=True, shift=2),
        sources=tuple(Source(name=name, urls=(f"https://example.org/{name}",), sha256="0" * 64) for name in "ab"),
    )


def request(datasets=None, families=("ann", "cnn"), replicates: int = 3, budgets=()) -> Request:
    """A quick run of `datasets` and `families`, at several `budgets` where there are some."""
    return Request(
        run="quick-1",
        profile="quick",
        datasets=datasets or (dataset(),),
        families=families,
        budgets=budgets,
        seed=0,
        validation_fraction=0.1,
        search=Search(tuner="random", trials=3, epochs=1, fraction=0.3),
        training=TRAINING.model_copy(update={"replicates": replicates}),
        mirror="https://mirror.example/secret",
        allowed_addresses=("https://mirror.example/secret", "/secret"),
    )


def branch(
    params: Request,
    about: Dataset,
    family: str,
    *,
    examples: int = 400,
    accuracy: float | None = None,
    classes: int = 0,
) -> Branch:
    """A branch that is done, with an accuracy near what the family reaches; `classes` where the data tell them."""
    number = classes or len(about.classes)
    reached = ACCURACY[family] if accuracy is None else accuracy
    own = params.seeds if "search" in params.training.vary else ()
    return Branch(
        about.name,
        family,
        "done",
        searches=tuple(search(params, about, family, seed) for seed in own or (None,)),
        replicates=tuple(replicate(params, about, family, seed, examples, reached, number) for seed in params.seeds),
        budget=about.budget if params.budgets else None,
        nearest_centroid=CENTROID,
    )


def search(params: Request, about: Dataset, family: str, seed: int | None = None) -> SearchEvidence:
    """Trials of rising score, the last of them the best; under a `seed` of its own a little lower."""
    trials = [
        {
            "number": number,
            "hyperparameters": {
                "depth": 3 + number,
                "learning_rate": 0.003 + 0.001 * number,
                "weight_decay": 0.01,
                "label_smoothing": 0.05,
            },
            "parameters": about.budget + (11 - 40 * number) * about.budget // 250_000,
            "score": ACCURACY.get(family, 0.6) - 0.1 + 0.02 * number - 0.001 * (seed or 0),
            "seconds": 12.5 + 3 * number + 20 * (family == "cnn"),
            "cpu_seconds": 12.9 + 3 * number + 20 * (family == "cnn"),
            "seed": params.seed if seed is None else seed,
            "epochs": params.search.epochs,
            "status": "done",
            "error": None,
        }
        for number in range(params.search.trials)
    ]
    best = {"hyperparameters": trials[-1]["hyperparameters"], "trial": trials[-1]["number"]}
    used = settings(params, about, family) | {"search": params.search.model_dump(), "seed": trials[0]["seed"]}
    return SearchEvidence(trials, best, used, seed)


def settings(params: Request, about: Dataset, family: str) -> dict:
    """What the manifest of a training says that it used."""
    return {
        "family": family,
        "budget": about.budget,
        "training": params.training.model_dump(),
        "augmentation": about.augmentation.model_dump(),
    }


def replicate(params: Request, about: Dataset, family: str, seed: int, examples: int, accuracy: float, classes: int):
    """One trained model whose errors partly repeat those of other seeds."""
    return measured(params, about, family, seed, *predictions(family, seed, examples, accuracy, classes))


def measured(params: Request, about: Dataset, family: str, seed: int, truth: np.ndarray, probabilities: np.ndarray):
    """One trained model that gave these probabilities for the labels `truth`."""
    fitted = temperature.fit(truth, probabilities)
    evaluation = measure(truth, probabilities).model_dump(mode="json") | {
        "seed": seed,
        "temperature": fitted,
        "calibrated": calibrated(truth, probabilities, fitted).model_dump(mode="json"),
        "parameters": about.budget - 120 * about.budget // 250_000,
        "inference_seconds_per_image": 2.1e-4 if family == "cnn" else 2.4e-5,
        "model_bytes": 1_040_000,
        "latency_seconds": 2.4e-3 if family == "cnn" else 9e-4,
        "batch_latency_seconds": 4.1e-4 if family == "cnn" else 2.9e-5,
        "flops": 26_356_854 if family == "cnn" else 506_890,
    }
    at = f"-budget-{about.budget}" if params.budgets else ""
    train_seconds = (about.budget / 250_000) ** 0.5 * (61.2 if family == "cnn" else 9.8) + 0.4 * seed
    return ReplicateEvidence(
        seed=seed,
        training={
            "train_seconds": train_seconds,
            "setup_seconds": 3.1,
            "validation_seconds": 1.2,
            "val_accuracy": 0.7,
            "cpu_seconds": 1.02 * train_seconds,
            "energy_joules": None,
            "gpus": 0,
            "peak_memory_bytes": 1_310_000_000 if family == "cnn" else 940_000_000,
        },
        history=history(params.training.epochs, evaluation["accuracy"], seed),
        settings=settings(params, about, family),
        evaluation=evaluation,
        y_true=truth,
        y_pred=probabilities.argmax(axis=1).astype(np.uint16),
        confidence=confidence_of(probabilities),
        predictions=f"reports/{params.run}/predictions/{about.name}-{family}{at}-seed-{seed}.npz",
        learned_from="d" * 40,
        measured_on="d" * 40,
        predictions_sha256="0" * 64,
        trained_in=params.run,
        digests={"search": "a" * 40, "train": f"{seed}" * 40, "evaluate": "e" * 40},
    )


def predictions(
    family: str, seed: int, examples: int, accuracy: float, classes: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Labels, the same for every family and seed, and probabilities that mistake classes for their neighbours."""
    common = np.random.default_rng(0)
    truth = common.integers(0, classes, examples).astype(np.uint16)
    hardness = common.uniform(size=examples)
    own = np.random.default_rng([seed, len(family), ord(family[0])])
    right = 0.8 * hardness + 0.2 * own.uniform(size=examples) < accuracy
    predicted = np.where(right, truth, (truth + own.choice([1, 2, classes - 1], examples)) % classes)
    probabilities = 0.5 * own.dirichlet(np.ones(classes), examples)
    probabilities[np.arange(examples), predicted] += 0.5
    return truth, probabilities.astype(np.float32)


def history(epochs: int, accuracy: float, seed: int) -> list[dict]:
    """Curves that rise to the accuracy."""
    rise = 1 - 0.6 ** np.arange(1, epochs + 1)
    return [
        {
            "epoch": epoch,
            "loss": 2.3 - 1.4 * accuracy * share,
            "accuracy": (accuracy + 0.02) * share,
            "val_loss": 2.3 - 1.3 * accuracy * share + 0.01 * seed,
            "val_accuracy": accuracy * share + 0.003 * seed,
            "learning_rate": 0.003 * (1 - epoch / epochs),
            "seconds": 10.0,
        }
        for epoch, share in enumerate(rise.tolist(), 1)
    ]


def records(params: Request) -> list[dict]:
    """A record for every stage of the run; the fetches were cached."""
    found = [record("plan")]
    for about in params.datasets:
        found += [record("fetch", about.name, cached=True), record("normalize", about.name)]
        for family in params.families:
            for budget in params.budgets or (None,):
                found.append(record("search", about.name, family, budget=budget))
                found += [record("train", about.name, family, seed, budget=budget) for seed in params.seeds]
                found.append(record("evaluate", about.name, family, budget=budget))
    return found


def record(
    stage: str,
    name: str | None = None,
    family: str | None = None,
    seed: int | None = None,
    *,
    budget: int | None = None,
    cached=False,
):
    """What a stage that is done left."""
    return {
        "stage": stage, "dataset": name, "family": family, "budget": budget, "seed": seed,
        "status": "done", "cached": cached,
        "key": "c" * 40, "progress": "", "error": None, "started": "2026-11-23T11:30:00.000+00:00",
        "ended": "2026-11-23T11:31:00.000+00:00", "seconds": 0.2 if cached else 60.0, "setup_seconds": 1.5,
    }  # fmt: skip


def facts(params: Request) -> dict[str, dict]:
    """What normalize found in every dataset: 60,000 images, all classes alike."""
    counts = {"train": 45_000, "validation": 5_000, "test": 10_000}
    found = {"counts": counts, "duplicates": {"train_test": 3}}
    return {
        about.name: found
        | {
            "class_counts": {
                part: [number // len(about.classes)] * len(about.classes) for part, number in counts.items()
            }
        }
        for about in params.datasets
        if about.classes
    }


def living(name: str = "flowers", title: str = "Flowers", budget: int = 250_000) -> Dataset:
    """A dataset of single images whose data may change and tell the classes."""
    return Dataset(
        name=name, title=title, reader="folder", image_size=(32, 32), budget=budget, location="/photos/flowers"
    )


def living_facts(classes: tuple[str, ...], counts: dict[str, list[int]], **more) -> dict:
    """What normalize found in a dataset of single images, of the second version of its data."""
    return {
        "shape": [32, 32, 3],
        "classes": list(classes),
        "counts": {part: sum(numbers) for part, numbers in counts.items()},
        "class_counts": counts,
        "duplicates": {},
        "version": VERSIONS[1],
        "gate": [
            finding("corrupt", 3, 620, 0.05, ["a/broken.jpg", "<script>.png", "b|c`d.jpg"]),
            {"name": "imbalance", "found": 400, "of": 3, "share": 133.3, "limit": 1000.0, "files": ["roses", "weeds"]},
            finding("repeated", 2, 620, None, ["a/1.jpg", "a/2.jpg"]),
            finding("added", 100, 520, 10.0, ["roses/new-1.jpg", "roses/new-2.jpg"]),
        ],
        "changes": {
            "previous": VERSIONS[0], "added": 100, "removed": 1, "relabelled": 0, "shifted": 0.021,
            "files": {"added": ["roses/new-1.jpg", "roses/new-2.jpg"], "removed": ["tulips/old.jpg"], "relabelled": []},
        },
    } | more  # fmt: skip


def finding(name: str, found: int, of: int, limit: float | None, files: list[str]) -> dict:
    """What the gate writes of one threshold."""
    return {"name": name, "found": found, "of": of, "share": found / of, "limit": limit, "files": files}


def everything(params: Request, **options) -> list[Branch]:
    """A branch that is done, for all that was asked for."""
    return [branch(params, about, family, **options) for about in params.comparisons for family in params.families]


def frontier(params: Request, **accuracies) -> list[Branch]:
    """The branches of families whose accuracies are given, budget by budget; where one is None it failed."""
    found = []
    for family, reached in accuracies.items():
        for about, accuracy in zip(params.comparisons, reached, strict=True):
            made = branch(params, about, family, examples=2000, accuracy=accuracy or 0.5)
            failed = {"status": "failed", "error": "search: no memory", "replicates": ()}
            found.append(made if accuracy else replace(made, **failed))
    return found
