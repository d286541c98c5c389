"""What it costs, measured side by side; absolute times mean little on a shared machine, ratios and growth do."""
