"""The commands of `edge-router`, one file each: parse, call the library, print."""
