"""Ask the API server whether a part of Airflow is alive: `python docker/heartbeat.py scheduler`. Exit code: 0 or 1.

https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/logging-monitoring/check-health.html
"""

import json
import sys
import urllib.request

ADDRESS = "http://api-server:8080/api/v2/monitor/health"


def main(part: str) -> int:
    """Ask once, and return the exit code."""
    with urllib.request.urlopen(ADDRESS, timeout=5) as answer:
        return 0 if json.load(answer)[part]["status"] == "healthy" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
