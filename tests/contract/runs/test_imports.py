"""What a stage imports: the numeric libraries without those that they can do without."""

import json
import subprocess
import sys

import pytest

from tasks.project import PROJECT

COUNTED = """
import json, sys
from tasks.runs.imports import OPTIONAL, import_lean
from tasks.stages.search import STAGE
settings = type("Settings", (), {"search": type("Search", (), {"tuner": sys.argv[1]})})
import_lean(STAGE.heavy, "tensorflow", STAGE.needs(settings))
imported = sorted(name for name in OPTIONAL["tensorflow"] if name in sys.modules)
import keras_tuner, pandas
computes = keras_tuner.src.tuners.bayesian.sklearn is not None and keras_tuner.src.tuners.bayesian.scipy is not None
print(json.dumps([imported, computes, pandas.DataFrame.__name__, sorted(OPTIONAL["tensorflow"])]))
"""


@pytest.mark.parametrize(("tuner", "imported"), [("random", []), ("hyperband", []), ("bayesian", ["scipy", "sklearn"])])
def test_a_search_imports_only_what_it_computes_with(tuner, imported):
    """The libraries start without what they can do without, which whoever needs it imports later."""
    command = [sys.executable, "-c", COUNTED, tuner]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *found, known = json.loads(done.stdout)
    assert found == [imported, tuner == "bayesian", "DataFrame"]
    assert {"scipy", "sklearn"} < {*known}
