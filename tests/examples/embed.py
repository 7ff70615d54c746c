"""Edge Router inside a program: stream an answer, then read its expert, reason and cost."""

from edge_router import EdgeRouter

with EdgeRouter() as router, router.stream("What is the capital of France?") as stream:
    for chunk in stream:
        print(chunk.delta, end="", flush=True)

record = stream.record  # there once the stream has ended
assert record is not None
print(f"\n{record.answered_by}: {record.words} ${record.cost_usd or 0:.6f}, {record.total_s:.2f} s")
