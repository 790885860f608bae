"""Finished run directories -> W&B. Steps, backends and containers know nothing of it.

    public.py    a configuration without secrets and without places on a machine
    pages.py     the pictures of the pages that a run has
    jobs.py      what is logged of one job
    sweeps.py    what is logged of a sweep: the table of its jobs, their boundaries' cosines
    writing.py   offline runs, with the package wandb
    uploading.py from there to W&B, within a time
    client.py    the same in a process of its own, for commands that must not wait or fail

An offline run is always written first. Uploading it is `wandb sync`, which sends a run's history
from its first line: so a run that is logged twice is one run on W&B, with what was logged last.
"""
