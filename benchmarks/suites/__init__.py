"""The suites by name; DEFAULT are those that run when none is named."""

from __future__ import annotations

from collections.abc import Mapping

from ..arm.suite import ArmSuite
from .base import Suite
from .cancel import CancelSuite
from .cold import ColdSuite
from .end_to_end import EndToEndSuite
from .engines import EnginesSuite
from .growth import GrowthSuite
from .idle import IdleSuite
from .latency import LatencySuite
from .memory import MemorySuite
from .peers import PeersSuite
from .slm import SlmSuite
from .throughput import ThroughputSuite
from .writes import WritesSuite

__all__ = ["DEFAULT", "SUITES", "Suite"]

ALL: tuple[Suite, ...] = (
    LatencySuite(),
    ColdSuite(),
    MemorySuite(),
    IdleSuite(),
    ThroughputSuite(),
    GrowthSuite(),
    SlmSuite(),
    EnginesSuite(),
    EndToEndSuite(),
    CancelSuite(),
    WritesSuite(),
    PeersSuite(),
    ArmSuite(),
)
SUITES: Mapping[str, Suite] = {suite.name: suite for suite in ALL}
DEFAULT = ("latency", "cold", "memory", "idle", "throughput", "growth")
