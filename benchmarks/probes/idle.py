"""CPU seconds of all threads of a process while it is idle after a decision.

Arguments: the artifact and the number of repetitions. Prints the samples of the 500 ms after a
decision and, per second, of the two seconds behind those.
"""

import json
import sys
import time

from edge_router import Router

AFTER_S, IDLE_S = 0.5, 2.0


def burnt(seconds: float) -> float:
    """CPU seconds of all threads while this one sleeps."""
    start = time.process_time()
    time.sleep(seconds)
    return time.process_time() - start


def main() -> None:
    router = Router.bundled(sys.argv[1])
    router.route("What is the opposite of hot?")  # left out: it loads
    after, idle = [], []
    for number in range(int(sys.argv[2])):
        router.route(f"What is {number} and {number}?")
        after.append(burnt(AFTER_S))
        idle.append(burnt(IDLE_S) / IDLE_S)
    sys.stdout.write(json.dumps({"after": after, "idle": idle}) + "\n")


if __name__ == "__main__":
    main()
