"""The work of the workflow: one command a stage, on top of a content-addressed store."""
