"""The tiers of the tests: which there are, and what the first of them does without."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
TIERS = ("unit", "contract", "workflow", "faults", "engine")
HEAVY = {"tensorflow", "keras", "keras_tuner", "jax", "airflow", "swift"}
