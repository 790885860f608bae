"""Hydra's side of the configuration: what is registered with it, and the way out of it.

`python -m ifgan` registers the schemas, the search path of a user's own YAML and the merged
launcher here, in this process; ``to_config`` is where ``DictConfig`` ends.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import cast

from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf

from ifgan import paths
from ifgan.classifier_options import speaking_of
from ifgan.errors import UserError, choices, refuse_accounts
from ifgan.schema import SCHEMAS, Attribute, Config

# At import, so that the processes of other launchers (joblib, submitit) have it too.
OmegaConf.register_new_resolver("ifgan.user_data_dir", paths.user_data_dir, replace=True)


class UserConf(SearchPathPlugin):
    """Puts ./conf.local and ~/.config/ifgan before the shipped configuration."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in reversed(paths.user_conf()):
            search_path.prepend("user", f"file://{folder}", SearchPathQuery(provider="main"))


def register() -> None:
    """Make schemas, resolvers and the user's search path known to Hydra; repeatable."""
    store = ConfigStore.instance()
    store.store(name="config_schema", node=Config, provider="ifgan")
    for group, options in SCHEMAS.items():
        for name, schema in options.items():
            store.store(group=f"hydra/schema/{group}", name=name, node=schema, provider="ifgan")
    Plugins.instance().register(UserConf)


def share_store() -> None:
    """Let Hydra read the one ConfigStore where it would copy it.

    Its help looks into every group, and copies all registered schemas for each: half of the time
    that ``--help`` took. Hydra copies a node again whenever it loads one, so nothing is changed by
    sharing. Not for tests that restore Hydra's singletons: called by the command only.
    """
    ConfigStore.__deepcopy__ = lambda self, _: self  # type: ignore[attr-defined]


def to_config(cfg: DictConfig) -> Config:
    """The composed tree as plain objects, every range checked.

    Raises
    ------
    UserError
        If a value is out of its range, or a plus has added an option that there is not.
    """
    for name, chosen in cfg.classifiers.items():
        if isinstance(chosen, DictConfig):  # whatever else is there, check_named refuses
            with speaking_of(f"classifiers.{name}"):  # by itself, so that it is known as its own
                OmegaConf.to_object(chosen)
    config = cast(Config, OmegaConf.to_object(cfg))
    _refuse_added(config, "")
    return config


def attributes(names: Sequence[str], *, option: str) -> list[Attribute]:
    """Attributes by the names of their files in attribute/ on Hydra's search path.

    Raises
    ------
    UserError
        If there is no such file, or it holds something else.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig

    if not names:
        return []
    if not GlobalHydra.instance().is_initialized():  # outside of the command
        register()
        with initialize_config_dir(str(paths.shipped("conf")), version_base="1.3"):
            return attributes(names, option=option)
    added = HydraConfig.get().searchpath if HydraConfig.initialized() else []
    overrides = [f"hydra.searchpath=[{','.join(map(quoted, added))}]"] if added else []
    loader = GlobalHydra.instance().config_loader()
    known = loader.get_group_options("attribute", config_name="config", overrides=overrides)
    found = []
    for name in names:
        if name not in known:
            raise UserError(f"{option} has no attribute '{name}'. {choices(known, name)}")
        tree = compose(
            "config", overrides=[*overrides, f"attribute={name}", "hydra/launcher=basic"]
        )
        found.append(cast(Attribute, OmegaConf.to_object(tree.attribute)))
    return found


def _refuse_added(options: object, prefix: str) -> None:
    """Hydra lets ``+NAME=value`` add anything, and nothing would ever read it."""
    known = [field.name for field in dataclasses.fields(options)]  # type: ignore[arg-type]
    for name, value in vars(options).items():
        if name not in known:
            raise UserError(f"there is no option '{prefix}{name}'. {choices(known, name)}")
        if dataclasses.is_dataclass(value):
            _refuse_added(value, f"{prefix}{name}.")
    for name, chosen in getattr(options, "classifiers", {}).items():
        _refuse_added(chosen, f"classifiers.{name}.")


def quoted(value: object) -> str:
    """A value as Hydra's command line reads it back; a digest of figures stays text."""
    if value is None:
        return "null"
    if not isinstance(value, str):
        return str(value)
    backslashes = re.sub(r"(\\+)(?='|$)", r"\1\1", value)  # they count before a quote alone
    return "'" + backslashes.replace("'", "\\'") + "'"


def compose_config(overrides: list[str]) -> Config:
    """The configuration of ``python -m ifgan OVERRIDES``; a Hydra application is left as it is.

    Raises
    ------
    UserError
        If an override is refused; the message is the line that the command would print.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from ifgan.complaints import complaint

    refuse_accounts(overrides)
    register()
    application = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(paths.shipped("conf")), version_base="1.3"):
            return to_config(compose("config", overrides=[*overrides, "hydra/launcher=basic"]))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(complaint(error) or str(error)) from error
    finally:
        GlobalHydra.instance().hydra = application
