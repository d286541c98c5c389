"""Whether the configured runner could start a stage here: `python -m dags.preflight`, before anything is queued.

Exit codes: 0 it could, 64 it could not, for the one reason that is printed.
"""

import sys

from dags.site import surroundings
from dags.stage_command import RunnerError
from dags.stage_operators import runner
from tasks.environment import speak_any_text
from tasks.errors import RequestError
from tasks.settings.loading import configured


def main() -> int:
    """Check, and say why not."""
    speak_any_text()
    try:
        orchestration = configured(surroundings()).orchestration
        runner(orchestration).check(orchestration)
    except (RequestError, RunnerError) as error:
        print(error, file=sys.stderr)
        return RequestError.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
