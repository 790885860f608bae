"""As much of W&B's server as `wandb sync` talks to: GraphQL, file streams, uploads.

It keeps what the real one would: runs by id, the lines of each run's files by their offsets,
versions of artifacts by digest, and which run made or used which.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.launchers.fault_server import FaultServer, Refused, Request

ENTITY = "team"


@dataclass
class Run:
    """A run as the server has it."""

    bucket: dict[str, Any] = field(default_factory=dict)  # of UpsertBucket, the last of each value
    lines: dict[str, dict[int, str]] = field(default_factory=dict)  # file -> line -> content
    files: set[str] = field(default_factory=set)
    made: list[str] = field(default_factory=list)  # artifacts, NAME:vN
    used: list[str] = field(default_factory=list)

    @property
    def history(self) -> list[str]:
        """The lines of its history."""
        return [*self.lines.get("wandb-history.jsonl", {}).values()]


class WandbServer(FaultServer):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[str, Run] = {}
        self.versions: dict[str, list[str]] = {}  # collection -> digests
        self.sequences: dict[str, str] = {}  # kind of each collection
        self.uploaded = threading.Event()

    def error_body(self, status: int, message: str) -> Any:
        return {"errors": [{"message": message}]}

    def answer(self, request: Request) -> Any:
        if request.path == "/graphql":
            asked = request.json()
            name = re.findall(r"(?:query|mutation) (\w+)", asked["query"])[0]
            variables = asked.get("variables") or {}
            return {"data": getattr(self, f"on_{name}")(variables)}
        if found := re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", request.path):
            return self._stream(self.runs[found[1]], request.json())
        if request.path.startswith("/upload/"):
            return {}
        raise Refused(404, f"no such place: {request.path}")

    def _stream(self, run: Run, content: Mapping[str, Any]) -> Any:
        for name, chunk in content.get("files", {}).items():
            lines = run.lines.setdefault(name, {})
            for number, line in enumerate(chunk["content"]):
                lines[chunk["offset"] + number] = line
        return {}

    def on_UpsertBucket(self, given: Mapping[str, Any]) -> Any:  # noqa: N802
        run = self.runs.setdefault(given["name"], Run())
        run.bucket |= {name: value for name, value in given.items() if value is not None}
        project = {"id": "UA==", "name": given["project"], "entity": {"id": "RQ==", "name": ENTITY}}
        bucket = {"id": "Qg==", "name": given["name"], "displayName": given["displayName"] or "x"}
        rest = {"description": None, "config": None, "sweepName": None, "historyLineCount": None}
        return {"upsertBucket": {"bucket": {**bucket, **rest, "project": project}}}

    def on_ServerFeaturesQuery(self, given: Mapping[str, Any]) -> Any:  # noqa: N802
        return {"serverInfo": {"features": []}}

    def on_CreateRunFiles(self, given: Mapping[str, Any]) -> Any:  # noqa: N802
        files = [
            {"name": name, "uploadUrl": f"{self.url}/upload/{name}"} for name in given["files"]
        ]
        self.runs[given["run"]].files |= {*given["files"]}
        return {"createRunFiles": {"runID": "Qg==", "uploadHeaders": [], "files": files}}

    def on_CreateArtifact(self, given: Mapping[str, Any]) -> Any:  # noqa: N802
        asked = given["input"]
        name, digest = asked["artifactCollectionName"], asked["digest"]
        versions = self.versions.setdefault(name, [])
        self.sequences[name] = asked["artifactTypeName"]
        state = "COMMITTED" if digest in versions else "PENDING"
        if digest not in versions:
            versions.append(digest)
        version = f"{name}:v{versions.index(digest)}"
        if asked["runName"] is not None:  # of an artifact that is only used there is none
            self.runs[asked["runName"]].made.append(version)
        identity = base64.b64encode(version.encode()).decode()
        sequence = {"latestArtifact": None}
        artifact = {"id": identity, "state": state, "artifactSequence": sequence}
        return {"createArtifact": {"artifact": artifact}}

    def on_CreateArtifactManifest(self, given: Mapping[str, Any]) -> Any:  # noqa: N802
        file = {"id": "Rg==", "uploadUrl": f"{self.url}/upload/manifest", "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": "TQ==", "file": file}}}

    def on_CreateArtifactFiles(self, given: Mapping[str, Any]) -> Any:  # noqa: N802
        nodes: list[Any] = [
            {
                "node": {
                    "storagePath": None,
                    "uploadUrl": f"{self.url}/upload/artifact/{file['name']}",
                    "uploadHeaders": [],
                    "uploadMultipartUrls": None,
                    "artifact": {"id": file["artifactID"]},
                }
            }
            for file in given["input"]["artifactFiles"]
        ]
        return {"createArtifactFiles": {"files": {"edges": nodes}}}

    def on_CommitArtifact(self, given: Mapping[str, Any]) -> Any:  # noqa: N802
        return {"commitArtifact": {"artifact": {"id": given["artifactID"], "digest": "d"}}}

    def on_UseArtifact(self, given: Mapping[str, Any]) -> Any:  # noqa: N802
        asked = given["input"]
        version = base64.b64decode(asked["artifactID"]).decode()
        self.runs[asked["runName"]].used.append(version)
        return {"useArtifact": {"artifact": {"id": asked["artifactID"]}}}
