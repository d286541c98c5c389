"""Where a stage command executes, one module a runner: its OPERATOR class, the `options` that it adds, a `check`.

All of them run the same command line, `python -m tasks STAGE --run RUN ...`, against the same store, and understand the
same exit codes. `check` says in one line why nothing could run, before anything is queued.
"""
