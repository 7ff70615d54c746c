"""Is everything there that the settings ask for? Looks, runs the router once, calls no expert."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

from .config import Config, ExpertConfig
from .errors import EdgeRouterError
from .router import Router

__all__ = ["Check", "examine"]

OLDEST_ONNXRUNTIME = (1, 30)  # older ones decide otherwise on about one query in a hundred


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    told: str


def examine(config: Config) -> list[Check]:
    """All checks for these settings, in the order in which a query meets them."""
    return [
        _runtime(),
        _router(config),
        *(_expert(name, expert) for name, expert in config.experts.items()),
        _placement(config),
    ]


def _runtime() -> Check:
    found = {name: version(name) for name in ("numpy", "onnxruntime", "tokenizers", "httpx")}
    told = ", ".join(f"{name} {number}" for name, number in found.items())
    major, minor, *_ = (int(part) for part in found["onnxruntime"].split(".")[:2])
    if (major, minor) < OLDEST_ONNXRUNTIME:
        return Check("runtime", False, f"{told}; pip install 'onnxruntime>=1.30'")
    return Check("runtime", True, told)


def _router(config: Config) -> Check:
    try:
        router = Router.from_config(config)
        router.estimate("warm up")
        start = time.perf_counter()
        router.estimate("How many days are there in a week?")
        elapsed = time.perf_counter() - start
    except EdgeRouterError as error:
        return Check("router", False, str(error))
    name = router.artifact.manifest.name
    return Check("router", True, f"{name} verified, one estimate takes {elapsed * 1e3:.1f} ms")


def _expert(name: str, expert: ExpertConfig) -> Check:
    faults = list(
        _llama_cpp_faults(expert) if expert.backend == "llama_cpp" else _key_faults(expert)
    )
    where = "on this device" if expert.on_device else "in the cloud"
    target = expert.base_url or expert.model
    return Check(f"expert {name}", not faults, "; ".join(faults) or f"{target}, {where}")


def _llama_cpp_faults(expert: ExpertConfig) -> Iterator[str]:
    from .backends.llama_cpp import find_model

    try:
        find_model(expert.model)
    except EdgeRouterError as error:
        yield str(error)
    if importlib.util.find_spec("llama_cpp") is None:
        yield "llama-cpp-python is not installed: pip install 'edge-router[local]'"


def _key_faults(expert: ExpertConfig) -> Iterator[str]:
    if expert.api_key_env is not None and not os.environ.get(expert.api_key_env):
        yield f"the environment variable {expert.api_key_env} holds no key"


def _placement(config: Config) -> Check:
    cloud = [name for name, expert in config.experts.items() if not expert.on_device]
    if not cloud:
        return Check("network", True, "no cloud expert is configured; nothing leaves this device")
    if config.offline or config.placement == "only_on_device":
        return Check("network", True, f"{', '.join(cloud)} configured, but nothing may leave")
    return Check("network", True, f"queries may go to {', '.join(cloud)} ({config.placement})")
