"""xllamacpp: llama.cpp with its own server in this process, prebuilt; several answers at a time."""
