"""edge-router models: lists routers, profiles, enrolled experts and local models."""

from __future__ import annotations

import argparse
from typing import Any

from edge_router.errors import EdgeRouterError

from ...options import add_command, config_of
from ...printing import print_json

__all__ = ["add"]


def add(commands: Any) -> None:
    """Register the command."""
    add_command(commands, "models", _models, settings=False)


def _models(options: argparse.Namespace) -> None:
    from edge_router.backends.llama_cpp.model_files import BUNDLED_MODEL, find_model
    from edge_router.routing.artifact.manifest import RouterArtifact, bundled_artifacts
    from edge_router.routing.experts.enrolled import enrolled_names

    artifacts = {name: RouterArtifact.load(path) for name, path in bundled_artifacts().items()}
    enrolled = enrolled_names(config_of(options).data_folder)
    try:
        local = str(find_model(BUNDLED_MODEL))
    except EdgeRouterError as error:  # not installed, or without its file
        local = str(error)
    if options.json:
        routers = {
            name: {
                "path": str(artifact.path),
                "base_model": artifact.manifest.base_model,
                "profiles": list(artifact.experts["profiles"]),
                "operating_points": list(artifact.calibration["operating_points"]),
                "known_models": list(artifact.experts["experts"]),
            }
            for name, artifact in artifacts.items()
        }
        local_models = {BUNDLED_MODEL: local}
        print_json({"routers": routers, "enrolled": enrolled, "local_models": local_models})
        return
    for name, artifact in artifacts.items():
        print(f"router {name}: {artifact.manifest.base_model}, {artifact.path}")
        print(f"  profiles: {', '.join(artifact.experts['profiles'])}")
        print(f"  operating points: {', '.join(artifact.calibration['operating_points'])}")
        print(f"  known models: {len(artifact.experts['experts'])} (--json lists them)")
    print(f"enrolled on this device: {', '.join(enrolled) or 'none'}")
    print(f"local model {BUNDLED_MODEL}: {local}")
