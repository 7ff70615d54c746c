"""Seconds to load a GGUF with llama-cpp-python. Arguments: the file and the threads."""

import json
import sys
import time

import llama_cpp

start = time.perf_counter()
llama_cpp.Llama(
    sys.argv[1],
    n_ctx=2048,
    n_threads=int(sys.argv[2]),
    n_threads_batch=int(sys.argv[2]),
    verbose=False,
)
sys.stdout.write(json.dumps({"load": time.perf_counter() - start}) + "\n")
