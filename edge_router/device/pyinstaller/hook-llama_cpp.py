"""PyInstaller: the shared libraries, which llama_cpp loads from its own folder."""

from __future__ import annotations

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs("llama_cpp", destdir="llama_cpp/lib")
excludedimports = ["llama_cpp.server"]
