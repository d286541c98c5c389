"""How long a test waits for a process: many times what it takes, so that a busy machine breaks no promise."""

PATIENCE = 600  # seconds
