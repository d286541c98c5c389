"""The command line of the work: `python -m tasks COMMAND ...`; each module of `tasks/commands/` adds its commands.

Only the commands read the environment. Exit codes: 0 done, 99 skipped (not asked for in this run, or an earlier stage
has not done its work), 64 bad request or configuration, 65 bad data, 75 out of memory. A retry never helps against 64
and 65. Any other code may be retried.
"""

import argparse
import logging
import sys

from tasks.commands import champions, data, handover, prediction, promotion, reports, stages, store
from tasks.environment import speak_any_text
from tasks.errors import DiscreetError, DiscreetFormatter
from tasks.runs.noise import without_noise

COMMANDS = (stages, store, reports, handover, data, promotion, champions, prediction)
ENVIRONMENT = """environment:
  STORE             s3://bucket/prefix or file:///folder
  STORE_ENCRYPTION  what each write to a bucket asks for: AES256, aws:kms or aws:kms=KEY
  AWS_*             the standard variables of the S3 clients, AWS_ENDPOINT_URL_S3 among them
  RUN_PARAMETERS    plan: the parameters as JSON, as the trigger form sends them
  RUN_TRIGGER       plan: what started the run, as Airflow names it: manual (default), scheduled or asset_triggered
  DATASET_MIRROR    plan: a folder, http(s):// or s3:// address used in place of the official ones
  WORKFLOW_CONFIG   plan, watch, judge and champion: a folder used in place of config/
  APPROVAL          promote: what became of the approval, as JSON: {"answer": "approved", "by": "ada"}
  GPU_EXPECTED      1: what trains fails before it begins where it sees no GPU
  KERAS_BACKEND     plan: tensorflow, jax or torch, in place of the profile's backend

exit codes: 0 done, 99 skipped, 64 bad request or configuration, 65 bad data, 75 out of memory, others may be retried
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one stage or command, and return the exit code."""
    options = _parser().parse_args(arguments)
    handler = logging.StreamHandler(options.log)
    handler.setFormatter(DiscreetFormatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("boto3", "botocore", "matplotlib", "s3transfer", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        options.run_command(options)
    except (DiscreetError, OSError) as error:  # OSError: this machine's own disk is full, or read-only
        logging.error("%s: %s", options.command, error)
        return getattr(error, "exit_code", 1)
    except Exception:  # with its traceback, which passes the formatter: a library's message may hold a secret
        logging.exception("%s: failed", options.command)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tasks",
        description="Run one stage of a run against the store, or look after the store.",
        epilog=ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(log=sys.stdout)  # a command whose answers stand there logs elsewhere
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    return parser


if __name__ == "__main__":
    speak_any_text()  # first: a stream that was a file takes no other errors once it is a pipe
    without_noise()
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
