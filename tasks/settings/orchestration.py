"""How the stages are run: the runner, its containers or pods, the schedule. Only the DAGs and `plan` read it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from tasks.settings.addresses import StoreUri
from tasks.settings.training import MAX_REPLICATES
from tasks.settings.values import Frozen, Name, Number, Text, Whole, matching

Size = Annotated[str, matching(r"[1-9][0-9]*[bkmg]", "a number with b, k, m or g, such as 8g")]
Quantity = Annotated[
    str, matching(r"[0-9]+(\.[0-9]+)?(m|k|[KMGTP]i|[MGTP])?", "a quantity of Kubernetes, such as 500m or 4Gi")
]
Label = Annotated[
    str,
    matching(
        "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        "a DNS label (RFC 1123) of lower-case letters, digits and -, of at most 63 characters",
    ),
]
ConnectionId = Annotated[
    str, matching("[A-Za-z0-9_.-]{1,200}", "a connection's id of letters, digits and _.-, of at most 200 characters")
]
Queue = Annotated[
    str, matching("[A-Za-z0-9_.-]{1,200}", "a queue's name of letters, digits and _.-, of at most 200 characters")
]
Executor = Annotated[
    str,
    matching("[A-Za-z_][A-Za-z0-9_.]{0,199}", "an executor of Airflow: its class, its path or its alias"),
]
Device = Annotated[
    str,
    matching("[A-Za-z0-9-]{1,64}", "the id of a GPU as `nvidia-smi -L` shows it: its number, or GPU-... or MIG-..."),
]
Executable = Annotated[Text, matching("/.+", "the path of a program, from the root")]
Seconds = Annotated[Whole, Field(ge=1, le=7 * 24 * 3600)]
MAX_GPUS = 64
OnUnchanged = Literal["skip", "add_seeds", "reuse"]


def is_cron(line: str) -> bool:
    """Whether Airflow's scheduler can read this cron line. Without Airflow nobody knows, and nobody needs to."""
    try:
        from croniter import croniter
    except ImportError:
        return True
    return croniter.is_valid(line)


def _cron(line: str) -> str:
    if line and not is_cron(line):
        raise ValueError("expected a cron line such as 0 3 * * 1, or an empty text for none")
    return line


Cron = Annotated[str, AfterValidator(_cron)]


class Docker(Frozen):
    """How the `docker` runner makes a stage's container; sizes as Docker writes them: `512m`, `8g`."""

    image: str = "like-for-like/trainer:cpu"
    network: str = "host"
    memory: Size | None = None
    cpus: Annotated[Number, Field(ge=0, le=1024)] = 0  # no limit
    shared_memory: Size = "1g"


class Resources(Frozen):
    """Processor and memory as Kubernetes writes them: `500m` is half a core, `4Gi`; what is None is not said."""

    cpu: Quantity | None = None
    memory: Quantity | None = None


class Toleration(Frozen):
    """A taint of nodes that a pod may be put on in spite of it."""

    key: str
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


class Placement(Frozen):
    """What a pod asks for, what it may use at most, and on which nodes it may run."""

    requests: Resources = Resources()
    limits: Resources = Resources()
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()


class Kubernetes(Frozen):
    """How the `kubernetes` runner makes a stage's pod; times in seconds."""

    image: str = "like-for-like/trainer:cpu"
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    namespace: Label = "like-for-like"
    service_account: Label | None = None
    store_secret: Label | None = None  # the store's credentials; None where the service account is all that it takes
    pod_template: str = "kubernetes/stage_pod.yaml"  # beside workflow.toml
    gpus: Annotated[Whole, Field(ge=0, le=MAX_GPUS)] = 0
    scratch: Quantity = "8Gi"
    queue_seconds: Seconds = 3600
    startup_seconds: Seconds = 900
    training: Placement = Placement()
    other: Placement = Placement()


class Retraining(Frozen):
    """What starts and what spares a run that nobody asked for.

    `watch` is the cron line, in UTC, at which locations that may change are looked at. `on_unchanged` is what a
    scheduled run does when nothing has changed: "skip" does nothing, "reuse" reports once more, "add_seeds" trains more
    models, up to `max_seeds` for each branch, or until every interval is narrower than `precision` percentage points.
    """

    watch: Cron = ""
    on_unchanged: OnUnchanged = "add_seeds"
    max_seeds: Annotated[Whole, Field(ge=1, le=MAX_REPLICATES)] = 30
    precision: Annotated[Number, Field(ge=0, le=100)] = 0.5


class Gpus(Frozen):
    """The GPUs of a worker's machine, for the runners `local` and `docker`: each stage that trains gets one of them.

    Without `devices` no stage is given any. `trainings_per_gpu` share a device.
    """

    devices: tuple[Device, ...] = ()
    trainings_per_gpu: Annotated[Whole, Field(ge=1, le=16)] = 1

    @property
    def places(self) -> int:
        """How many trainings have a device at once."""
        return len(self.devices) * self.trainings_per_gpu


class Queues(Frozen):
    """Which of Airflow's workers take a task: those of `training` for the stages that train; None is Airflow's default.

    Without `training`, the stages that train go where the others go.
    """

    training: Queue | None = None
    other: Queue | None = None


class Executors(Frozen):
    """By which of Airflow's executors a task is sent, where it has several; None and `training` as for `Queues`."""

    training: Executor | None = None
    other: Executor | None = None


class Orchestration(Frozen):
    """What the DAG files need to know; an empty schedule means only by hand."""

    runner: Name = "local"  # a file of dags/runners/
    schedule: Cron = ""
    scheduled_profile: str = "quick"
    threads: Annotated[Whole, Field(ge=1, le=256)] = 1
    python: Executable | None = None  # of the environment that trains; None for Airflow's own
    store: StoreUri | None = None  # None leaves it to STORE in the worker's environment
    store_connection: ConnectionId | None = None  # of Airflow, of the type `aws`; None leaves it to the AWS variables
    approval_look_seconds: Seconds = 300  # how often a waiting approval looks whether a newer candidate came
    priority_families: tuple[str, ...] = ()  # they get free slots first, see `priority` in the DAG
    queues: Queues = Queues()
    executors: Executors = Executors()
    gpus: Gpus = Gpus()
    retraining: Retraining = Retraining()
    docker: Docker = Docker()
    kubernetes: Kubernetes = Kubernetes()

    @model_validator(mode="after")
    def _connects_to_something(self):
        if self.store_connection and not (self.store or "").startswith("s3://"):
            raise ValueError(
                f'store_connection: expected store = "s3://bucket/prefix" beside it, received {self.store!r}'
            )
        return self
