"""Tiny data sets in the official file formats, with a mirror and a configuration that promise their digests."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np

from tasks.project import CONFIG

CLASSES = 3
SIDE = 8
SIZES = {"train": 150, "test": 60}


def images_and_labels(n: int, channels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [n, 8, 8, channels] images whose bright corner tells the class, and their labels, all classes present."""
    generator = np.random.default_rng(seed)
    labels = (np.arange(n) % CLASSES).astype(np.uint8)
    images = generator.integers(0, 120, (n, SIDE, SIDE, channels), dtype=np.uint8)
    for label in range(CLASSES):
        row, column = divmod(label, 2)
        images[labels == label, row * 4 : row * 4 + 4, column * 4 : column * 4 + 4] += 100
    return images, labels


def idx_bytes(array: np.ndarray) -> bytes:
    """A uint8 array as a gzipped IDX file."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4) for size in array.shape)
    return gzip.compress(header + array.tobytes(), mtime=0)


def cifar_bytes(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Images [n, h, w, c] and labels as CIFAR's binary records."""
    return np.concatenate([labels[:, None], images.transpose(0, 3, 1, 2).reshape(len(labels), -1)], axis=1).tobytes()


def tar_bytes(members: dict[str, bytes]) -> bytes:
    """A .tar.gz of plain files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return stream.getvalue()


def sha256(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def make_mirror(folder: Path) -> Path:
    """A mirror of the two tiny data sets, laid out as the official ones are."""
    for name, data in {**_idx_files(), "cifar-10-binary.tar.gz": tar_bytes(_cifar_members())}.items():
        place = folder / ("cifar-10" if name.startswith("cifar") else "fashion-mnist") / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder


def make_configuration(folder: Path) -> Path:
    """The project's workflow.toml beside the TOML of the two tiny data sets, under their real names.

    Its smoke profile shares the trials of a search between two tasks, and its sample is all that there is.
    """
    (folder / "datasets").mkdir(parents=True)
    (folder / "workflow.toml").write_text(_workflow_toml(), encoding="utf-8")
    (folder / "datasets" / "fashion_mnist.toml").write_text(_fashion_toml(), encoding="utf-8")
    (folder / "datasets" / "cifar10.toml").write_text(_cifar_toml(), encoding="utf-8")
    return folder


def choose_configuration(folder: Path, monkeypatch) -> Path:
    """The same configuration, which the environment names, with its own runner."""
    monkeypatch.setenv("WORKFLOW_CONFIG", str(make_configuration(folder)))
    monkeypatch.delenv("RUNNER", raising=False)
    return folder


def _workflow_toml() -> str:
    text = (CONFIG / "workflow.toml").read_text(encoding="utf-8")
    before, smoke = text.split("[profiles.smoke.search]", 1)
    assert "shards = 1\n" in smoke.split("[profiles.smoke.training]", 1)[0]
    return f"{before}[profiles.smoke.search]{smoke.replace('shards = 1', 'shards = 2', 1)}"


def _idx_files() -> dict[str, bytes]:
    files = {}
    for prefix, part in (("train", "train"), ("t10k", "test")):
        images, labels = images_and_labels(SIZES[part], 1, seed=len(part))
        files[f"{prefix}-images-idx3-ubyte.gz"] = idx_bytes(images[..., 0])
        files[f"{prefix}-labels-idx1-ubyte.gz"] = idx_bytes(labels)
    return files


def _cifar_members() -> dict[str, bytes]:
    batches = {"data_batch_1.bin": ("train", 11), "test_batch.bin": ("test", 12)}
    return {
        f"cifar-10-batches-bin/{name}": cifar_bytes(*images_and_labels(SIZES[part], 3, seed))
        for name, (part, seed) in batches.items()
    }


COMMON = """
title = "{title}"
reader = "{reader}"
shape = [8, 8, {channels}]
classes = ["left", "right", "below"]
budget = 5_000
mirror_folder = "{mirror_folder}"
splits.train = {train}
splits.test = {test}
[augmentation]
shift = 1
"""


def _fashion_toml() -> str:
    files = _idx_files()
    names = list(files)
    head = COMMON.format(
        title="Tiny Fashion", reader="idx", channels=1, mirror_folder="fashion-mnist", train=names[:2], test=names[2:]
    )
    sources = (
        f'[[sources]]\nname = "{name}"\nurls = ["http://127.0.0.1:9/{name}"]\nsha256 = "{sha256(data)}"\n'
        for name, data in files.items()
    )
    return head + "\n".join(sources)


def _cifar_toml() -> str:
    members = _cifar_members()
    head = COMMON.format(
        title="Tiny CIFAR",
        reader="cifar",
        channels=3,
        mirror_folder="cifar-10",
        train=["data_batch_1.bin"],
        test=["test_batch.bin"],
    )
    digests = "\n".join(f'"{name}" = "{sha256(data)}"' for name, data in members.items())
    source = '[[sources]]\nname = "cifar-10-binary.tar.gz"\nurls = ["http://127.0.0.1:9/cifar-10-binary.tar.gz"]\n'
    return f"{head}{source}[sources.members]\n{digests}\n"
