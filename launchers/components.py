"""The steps as components of Kubeflow Pipelines, made from ``ifgan.specs`` alone.

``python -m launchers.components`` writes them to components/<step>/component.yaml, for use in
other people's pipelines.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_origin, get_type_hints

from ifgan import paths
from ifgan.backends import Images
from ifgan.settings import base_type
from ifgan.specs import KEY, STEPS, StepSpec


def component(spec: StepSpec, *, name: str, image: str, given: Iterable[str] = ()) -> Any:
    """A step as a container component of KFP: a named, typed input for each of its settings.

    ``given`` names the inputs it will have, where their number varies.
    """
    from kfp import dsl

    def define(*_: object) -> Any:
        return dsl.ContainerSpec(
            image=image,
            command=["python", "-m", "ifgan.step", spec.name, "--executor-input"],
            args=["{{$}}"],
        )

    # KFP reads a component's interface from a Python function; this one is made of the spec.
    define.__name__ = name
    interface = [*_interface(spec, given)]
    define.__signature__ = inspect.Signature(interface)  # type: ignore[attr-defined]
    return dsl.container_component(define)


def component_yaml(spec: StepSpec) -> str:
    """The component definition of a step, as ``kfp.components.load_component_from_file`` reads."""
    import yaml  # type: ignore[import-untyped]
    from google.protobuf import json_format

    image = getattr(Images(), spec.name)
    made = component(spec, name=spec.name, image=image)
    message = json_format.MessageToDict(made.component_spec.to_pipeline_spec())
    text: str = yaml.safe_dump(message, sort_keys=True)
    return text


def _interface(spec: StepSpec, given: Iterable[str]) -> Iterator[inspect.Parameter]:
    """Settings, key, inputs and outputs of a step as parameters of a Python function."""
    from kfp import dsl

    def parameter(name: str, annotation: Any, *, optional: bool = False) -> inspect.Parameter:
        return inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=annotation,
            default=None if optional else inspect.Parameter.empty,
        )

    for name, hint in get_type_hints(spec.settings).items():
        kind, optional = base_type(hint)
        yield parameter(name, get_origin(kind) or kind, optional=optional)
    yield parameter(KEY, str, optional=True)
    for name, kind in spec.required_inputs(given).items():
        yield parameter(name, dsl.Input[getattr(dsl, kind)])
    for name, kind in spec.optional_inputs.items():
        yield parameter(name, dsl.Input[getattr(dsl, kind)], optional=True)
    for name, kind in spec.outputs.items():
        yield parameter(name, dsl.Output[getattr(dsl, kind)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the component definitions from the specs."""
    parser = argparse.ArgumentParser(prog="python -m launchers.components", description=__doc__)
    parser.parse_args(arguments)
    for spec in STEPS.values():
        place = paths.shipped("components") / spec.name / "component.yaml"
        place.write_text(component_yaml(spec))
        sys.stdout.write(f"wrote {place}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
