"""The numeric libraries' settings: every stage computes from a known state, whatever its surroundings say.

Keras, TensorFlow, JAX, PyTorch and the libraries below them read files and variables of the person who runs a stage.
Most of them change results, and none is in a key. So they are taken away before the first of these libraries is
imported. What says only where to compute, and with how many threads, stays. Then the variables that make them faster
are set. The manifest names all three kinds.
"""

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tasks.runs.scratch import kept_folder
from tasks.settings.request import Request

LIBRARIES = (
    "KERAS_", "TF_", "XLA_", "JAX_", "TORCH_", "PYTORCH_", "OMP_", "KMP_", "MKL_", "OPENBLAS_", "DNNL_", "ONEDNN_",
    "CUBLAS_", "CUDNN_", "NVIDIA_TF32_OVERRIDE", "ATEN_", "BLIS_", "HSA_", "LIBTPU_", "MIOPEN_", "NPY_", "NPROC",
)  # fmt: skip
NOT_THEIRS = ("TF_CLI_", "TF_TOKEN_", "TF_VAR_")  # Terraform's
# Threads (NPROC are JAX'), devices, memory, and where a library keeps its files. XLA_FLAGS makes JAX deterministic, and
# CUBLAS_WORKSPACE_CONFIG PyTorch.
KEPT = (
    "KERAS_BACKEND", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS", "TF_FORCE_GPU_ALLOW_GROWTH", "TF_GPU_ALLOCATOR", "TF_CPP_MIN_LOG_LEVEL", "XLA_FLAGS",
    "XLA_PYTHON_CLIENT_PREALLOCATE", "XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_ALLOCATOR", "JAX_PLATFORMS",
    "JAX_PLATFORM_NAME", "JAX_CUDA_VISIBLE_DEVICES", "JAX_COMPILATION_CACHE_DIR", "KERAS_TORCH_DEVICE", "TORCH_HOME",
    "PYTORCH_CUDA_ALLOC_CONF", "OMP_THREAD_LIMIT", "CUBLAS_WORKSPACE_CONFIG", "NPROC",
)  # fmt: skip
# By itself TensorFlow uses oneDNN only where a processor has instructions for neural networks, as AVX-512 VNNI is.
# Its kernels are faster on the others, too: a step of a CNN takes 0.62 to 0.80 of the time on a Zen 3.
CHOSEN = MappingProxyType({"TF_ENABLE_ONEDNN_OPTS": "1"})
XLA_REPRODUCES = "--xla_gpu_deterministic_ops=true"  # it is read when JAX first computes
KERAS_HOME = "KERAS_HOME"  # Keras reads keras.json there: the image format, the float type, epsilon


class Numerics(NamedTuple):
    """What is said to the numeric libraries.

    Attributes:
        kept: the variables of the surroundings that stand.
        removed: the names of those that were taken away.
        chosen: the variables that were set.
    """

    kept: Mapping[str, str] = MappingProxyType({})
    removed: tuple[str, ...] = ()
    chosen: Mapping[str, str] = MappingProxyType({})

    def described(self) -> dict[str, Any]:
        """As the manifest names them."""
        return {"kept": dict(self.kept), "removed": list(self.removed), "chosen": dict(self.chosen)}


NONE = Numerics()


def numerics(environment: Mapping[str, str]) -> Numerics:
    """Tell the variables of the numeric libraries apart: those that stay, and those that could change a result."""
    theirs = {
        name: value
        for name, value in environment.items()
        if name.startswith(LIBRARIES) and not name.startswith(NOT_THEIRS)
    }
    kept = {name: value for name, value in sorted(theirs.items()) if name in KEPT}
    return Numerics(kept, tuple(sorted(theirs.keys() - kept.keys())))


def make_known(environment: MutableMapping[str, str], folder: Path) -> Numerics:
    """Take away from `environment` what could change a result, set what is CHOSEN, and give Keras an empty `folder`.

    It must be called before Keras is imported.
    """
    found = numerics(environment)
    for name in found.removed:
        del environment[name]
    home = folder / "keras"
    home.mkdir()
    environment.update(CHOSEN)
    environment[KERAS_HOME] = str(home)
    return found._replace(chosen=CHOSEN)


def prepare(environment: MutableMapping[str, str], place: Path, request: Request) -> None:
    """Let Keras compute with the backend of `request`, and JAX as its training asks.

    It must be called before Keras is imported. Processes share a folder in `place` for what JAX compiles, unless the
    surroundings name another one: https://docs.jax.dev/en/latest/persistent_compilation_cache.html.
    """
    environment["KERAS_BACKEND"] = request.backend
    if request.backend != "jax":
        return
    if request.training.deterministic:
        environment["XLA_FLAGS"] = f"{environment.get('XLA_FLAGS', '')} {XLA_REPRODUCES}".strip()
    environment.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # else the first process takes the whole device
    if folder := kept_folder(place, "compiled"):
        environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
