import pytest

from tasks.storage import provenance
from tasks.storage.provenance import code_digest, computing_libraries, computing_modules

STAGE = '''"""What it does."""
import os


def run():
    """Run it."""
    from tasks.learning import deep
    return deep
'''


@pytest.fixture
def project(tmp_path):
    """A small project, and the digest of its stage."""
    write(tmp_path, "tasks.stages.a", STAGE)
    write(tmp_path, "tasks.learning.deep", "from tasks.learning.deeper import x\nfrom tasks.settings.b import y\n")
    write(tmp_path, "tasks.learning.deeper", 'x = """one\n\n# two\n"""\n')
    write(tmp_path, "tasks.settings.b", "y = 1\n")
    write(tmp_path, "tasks.learning.other", "x = 1\n")
    return tmp_path


def write(project, module, text):
    path = project.joinpath(*module.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def digest(project, *more):
    return code_digest(["tasks.stages.a", *more], project)


def test_the_digest_follows_imports_wherever_they_stand_and_nothing_else(project):
    """A change below a function-level import moves the digest; a module that is not imported does not."""
    before = digest(project)
    write(project, "tasks.learning.other", "x = 2\n")
    assert digest(project) == before
    assert digest(project, "tasks.learning.other") != before
    write(project, "tasks.learning.deeper", "x = 2\n")
    assert digest(project) != before


def test_settings_are_no_code_that_computes(project):
    """A change of the settings' code moves nothing: what a stage uses of them is in its key by value."""
    before = digest(project)
    write(project, "tasks.settings.b", "y = 2\n")
    assert digest(project) == before


@pytest.mark.parametrize(
    "text",
    [
        STAGE.replace("What it does.", "What it did,\n\nand why."),
        STAGE.replace("Run it.", "Run all of it."),
        STAGE.replace("import os\n", "import os  # for nothing\n# Another remark.\n"),
        STAGE.replace("\n\n\n", "\n"),
    ],
)
def test_words_about_the_code_do_not_count(project, text):
    """Docstrings, comments and blank lines can be changed without making anything again."""
    before = digest(project)
    write(project, "tasks.stages.a", text)
    assert digest(project) == before


@pytest.mark.parametrize(
    "text", ['x = """one\n# two\n"""\n', 'x = """one\n\n# three\n"""\n', 'x = """one\n\n# two \n"""\n']
)
def test_every_character_of_other_strings_counts(project, text):
    """What looks like a comment or a blank line within a string is part of a value."""
    before = digest(project)
    write(project, "tasks.learning.deeper", text)
    assert digest(project) != before


def test_training_does_not_depend_on_the_code_of_the_report():
    """A new plot must not retrain a model: the report's modules are outside of what train computes with."""
    modules = computing_modules(["tasks.stages.train", "tasks.models.cnn"])
    assert {"tasks.learning.loop", "tasks.learning.network", "tasks.models.cnn"} <= modules
    assert not {name for name in modules if name.startswith(("tasks.report", "tasks.comparison", "tasks.models.ann"))}


@pytest.fixture
def installed(monkeypatch):
    """Say which releases are installed, and no others."""

    def install(**releases):
        def version(name):
            if name not in releases:
                raise provenance.metadata.PackageNotFoundError(name)
            return releases[name]

        monkeypatch.setattr(provenance.metadata, "version", version)

    return install


def test_the_libraries_are_those_that_the_code_imports(project, installed):
    """Imports are followed into functions; the minor release counts, and what computes no number does not."""
    installed(numpy="2.4.1", scipy="1.16.0", pydantic="2.12.5", pandas="2.3.3")
    write(project, "tasks.learning.deeper", "import numpy.linalg as n\nimport pydantic, json\n")
    write(
        project,
        "tasks.learning.deep",
        "def f():\n    from tasks.learning import deeper\n    from scipy.stats import t\n",
    )
    assert computing_libraries(["tasks.stages.a"], "tensorflow", project) == {"numpy": "2.4", "scipy": "1.16"}


def test_whoever_computes_with_keras_computes_with_its_backend(project, installed):
    """The backend of the run is a library of that stage, under one name for its builds for CPUs and for GPUs."""
    write(project, "tasks.learning.deeper", "import keras\n")
    installed(keras="3.15.0", **{"tensorflow-cpu": "2.21.0"})
    on_cpus = computing_libraries(["tasks.stages.a"], "tensorflow", project)
    installed(keras="3.15.2", tensorflow="2.21.1", jax="0.10.0", torch="2.9.1+cpu")
    assert (
        computing_libraries(["tasks.stages.a"], "tensorflow", project)
        == on_cpus
        == {"keras": "3.15", "tensorflow": "2.21"}
    )
    assert computing_libraries(["tasks.stages.a"], "jax", project) == {"jax": "0.10", "keras": "3.15"}
    assert computing_libraries(["tasks.stages.a"], "torch", project) == {"keras": "3.15", "torch": "2.9"}


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ([], None),
        (["NVIDIA H200"], "NVIDIA H200"),
        (["NVIDIA A100", "NVIDIA A100", "NVIDIA L4"], "NVIDIA A100, NVIDIA A100, NVIDIA L4"),
    ],
)
def test_the_gpus_are_facts_of_the_machine(tmp_path, monkeypatch, models, said):
    """As NVIDIA's driver names them; a machine without one has no such fact."""
    for number, model in enumerate(models):
        folder = tmp_path / f"0000:0{number}:00.0"
        folder.mkdir()
        (folder / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 48\nGPU UUID: \t\t GPU-1\n")
    monkeypatch.setattr(provenance, "GPUS", tmp_path)
    assert provenance.machine().get("gpu") == said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ("flags\t\t: fpu sse4_1 fma avx avx2 sha_ni\nvmx flags\t: vnmi\n" * 2, "sse4_1 avx avx2 fma"),
        ("flags\t\t: avx512_vnni amx_tile avx512f avx2\n", "avx2 avx512f avx512_vnni amx_tile"),
        ("Features\t: fp asimd sve bf16\n", "asimd bf16 sve"),
        ("processor: 0\n", None),
    ],
)
def test_the_instructions_that_kernels_are_chosen_by_are_facts_of_the_machine(tmp_path, monkeypatch, facts, said):
    """A library picks its kernels by them. Others are left out, and a machine that tells none has no such fact."""
    monkeypatch.setattr(provenance, "CPUS", tmp_path / "cpuinfo")
    provenance.CPUS.write_text(facts)
    assert provenance.machine().get("instructions") == said
