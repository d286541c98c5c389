"""Packages that not everybody installs, and how to get them."""

from collections.abc import Iterable
from importlib.util import find_spec

from tasks.errors import RequestError

# What `pip` is asked for, by the name that code imports; where nothing stands here, that name.
REQUIREMENTS = {
    "PIL": "pillow>=12",
    "keras": "keras>=3.15,<3.16",
    "keras_tuner": "keras-tuner>=1.4.8,<1.5",
    "mlflow": "mlflow-skinny>=3.5",
    "numpy": "numpy>=2.2",
    "onnx": "onnx>=1.19",
    "onnxruntime": "onnxruntime>=1.22",
    "pyarrow": "pyarrow>=22",
    "tensorboard": "tensorboard>=2.20",
    "tensorflow": "tensorflow>=2.21,<2.22",
    "tf2onnx": "tf2onnx>=1.16",
}


def require(modules: Iterable[str], otherwise: str = "") -> None:
    """Refuse to go on without the packages of these modules; none of them is imported here.

    `otherwise` ends the message: what helps instead.

    Raises:
        RequestError: at least one is not installed.
    """
    missing = [REQUIREMENTS.get(module, module) for module in modules if find_spec(module) is None]
    if missing:
        names = ", ".join(requirement.partition(">")[0] for requirement in missing)
        asked = " ".join(f"'{requirement}'" for requirement in missing)
        packages = "package" if len(missing) == 1 else "packages"
        raise RequestError(f"expected the {packages} {names}, found none; type pip install {asked}{otherwise}")
