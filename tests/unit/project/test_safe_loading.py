"""Nothing that is read is code: not in the source, and not in an artifact that somebody changed."""

import ast
from collections.abc import Iterator

import pytest

from tasks.project import PROJECT
from tasks.runs import execution
from tasks.runs.records import recorded
from tasks.runs.stage import Stage
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.place import Place
from tasks.settings.request import Parameters
from tasks.stages import evaluate
from tasks.storage.artifacts import commit
from tasks.storage.documents import DamagedError
from tasks.storage.location import open_store
from tests.support.tiny_data import make_configuration

MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
NAMES = {"eval", "exec", "compile", "__import__", "Lambda", "load_model", "model_from_json", "system", "popen"}
NAMES |= {"enable_unsafe_deserialization", "unsafe_load", "full_load", "read_pickle", "to_pickle"}
OPTIONS = {"safe_mode": False, "shell": True, "verify": False, "autoescape": False}


def unsafe(source: str) -> Iterator[str]:
    """What in a source text could execute something that was read, or believes whom it should not."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name.split(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in MODULES:
                yield module
            # `re.compile` is another thing than `compile`
            case ast.Name(id=name) if name in NAMES:
                yield name
            case ast.Attribute(attr=name) if name in NAMES - {"compile"}:
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np" | "numpy"), attr="load" | "fromregex")):
                if "allow_pickle=False" not in map(ast.unparse, node.keywords):
                    yield "np.load without allow_pickle=False"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="yaml"), attr="load")):
                yield "yaml.load"
            case ast.keyword(arg=name, value=ast.Constant(value=value)) if (name, value) in OPTIONS.items():
                yield f"{name}={value}"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from joblib import load", "import dill.source", "np.load(p)", "numpy.load(p, mmap_mode='r')",
        "np.load(p, allow_pickle=True)", "eval(x)", "exec(x)", "compile(x, '', 'exec')", "yaml.load(x)", "os.system(x)",
        "keras.layers.Lambda(f)", "keras.saving.load_model(p)", "f(safe_mode=False)", "subprocess.run(x, shell=True)",
        "requests.get(u, verify=False)", "__import__(x)", "pd.read_pickle(p)", "Environment(autoescape=False)",
    ],
)  # fmt: skip
def test_an_unsafe_way_is_seen(source):
    """The check below can fail: each of these is found."""
    assert list(unsafe(source))


@pytest.mark.parametrize("source", ["np.load(p, allow_pickle=False)", "re.compile(p)", "yaml.safe_load(x)", "model.load_weights(p)"])  # fmt: skip  # noqa: E501
def test_a_safe_way_is_left_alone(source):
    """And it does not cry wolf."""
    assert not list(unsafe(source))


def test_the_project_takes_safe_ways_alone():
    """No pickle, no eval, no array or model whose loading executes code, anywhere in the work and the DAG."""
    sources = [path for folder in ("tasks", "dags") for path in (PROJECT / folder).rglob("*.py")]
    assert len(sources) > 50
    found = {str(path.relative_to(PROJECT)): list(unsafe(path.read_text(encoding="utf-8"))) for path in sources}
    assert {name: ways for name, ways in found.items() if ways} == {}


@pytest.mark.parametrize("changed", ["model.weights.h5", "model.json"])
def test_a_model_is_loaded_only_with_the_bytes_of_its_manifest(tmp_path, changed):
    """Somebody swaps a trained model in the store: `evaluate` never sees it, and the error names the artifact."""
    store = open_store((tmp_path / "store").as_uri())
    config = load_configuration(make_configuration(tmp_path / "config"))
    request = resolve(config, Parameters(profile="smoke", replicates=1, datasets=("cifar10",)), "r")
    place = Place("cifar10", "cnn", request.seed)
    asked = evaluate.inputs(request, place.at("family"))["data"].files
    _leave(store, "normalize", place.at("dataset"), asked, tmp_path)
    manifest = _leave(store, "train", place, ["model.weights.h5", "model.json"], tmp_path)
    seen: list[bool] = []
    stage = Stage("evaluate", evaluate.settings, evaluate.inputs, lambda work: seen.append(True) or {})
    execution.execute(stage, request, place, store)
    assert seen == [True]
    store.write(manifest.files[changed].object, b"swapped")
    forced = request.model_copy(update={"force": ("evaluate",)})
    with pytest.raises(DamagedError, match=f"artifacts/train/.*/{changed}: expected SHA-256 .*, received "):
        execution.execute(stage, forced, place, store)
    assert seen == [True]


def _leave(store, stage, place, names, folder):
    """An artifact of `stage` with a record that leads to it."""
    output = folder / stage
    output.mkdir()
    for name in names:
        (output / name).write_bytes(b"as it was made")
    with recorded(store, "r", place, stage) as record:
        record.fields["key"] = "0" * 40
        return commit(store, stage, "0" * 40, output, {}, {})
