"""The level of every test, and the confidence of every interval."""

ALPHA = 0.05
LEVEL = 1 - ALPHA
