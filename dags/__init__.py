"""Orchestration only: the DAG, its trigger form, the operators that execute stages, the report's page in the UI."""
