"""The options of the group tracking: where finished runs are logged besides their directories.

Names are W&B's own. None of them changes a result; the key is no option, it comes from
`wandb login` or from the environment.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ifgan.ranges import in_range, matches, one_of

MODES = ("online", "offline", "disabled")


@dataclass
class Tracking:
    """Where finished runs are logged besides their directories (docs in docs/tracking.md)."""

    kind: str = "none"  # wandb: Weights & Biases
    mode: str | None = None  # null: WANDB_MODE, else online if there is a key, otherwise offline
    project: str | None = None  # null: WANDB_PROJECT, else ifgan
    entity: str | None = None  # user or team; null: WANDB_ENTITY, else the one that the key is of
    group: str | None = None  # null: WANDB_RUN_GROUP, else the sweep
    tags: list[str] = field(default_factory=list)  # besides attribute, space, generator, classifier
    timeout: float = 8.0  # seconds that uploading may take; what is not there then stays offline

    def __post_init__(self) -> None:
        one_of("tracking.kind", self.kind, ("none", "wandb"))
        check_wandb("tracking.", self.mode, self.project, self.entity, self.group, self.tags)
        in_range("tracking.timeout", self.timeout, low=1, high=3600)


def check_wandb(
    prefix: str,
    mode: str | None,
    project: str | None,
    entity: str | None,
    group: str | None,
    tags: list[str],
) -> None:
    """Refuse what W&B would refuse later; ``prefix`` begins the options' names."""
    if mode is not None:
        one_of(f"{prefix}mode", mode, MODES)
    matches(f"{prefix}project", project, r"[^/\\#?%:\x00-\x1f]{1,128}", example="faces")
    matches(f"{prefix}entity", entity, r"[A-Za-z0-9_.-]{1,128}", example="my-team")
    matches(f"{prefix}group", group, r"[^\x00-\x1f]{1,128}", example="first-sweep")
    for tag in tags:
        matches(f"{prefix}tags", tag, r"[^\x00-\x1f,]{1,64}", example="paper")
