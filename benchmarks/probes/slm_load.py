"""Seconds to load a GGUF with llama-cpp-python, its import left out.

Arguments: the file, the context in tokens, the threads.
"""

import json
import sys
import time


def main() -> None:
    import llama_cpp

    from edge_router.backends.llama_cpp.llama_cpp_python.library import without_amx

    path, n_ctx, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with without_amx(llama_cpp):
        start = time.perf_counter()
        llama_cpp.Llama(
            path, n_ctx=n_ctx, n_threads=threads, n_threads_batch=threads, verbose=False
        )
    sys.stdout.write(json.dumps({"load": time.perf_counter() - start}) + "\n")


if __name__ == "__main__":
    main()
