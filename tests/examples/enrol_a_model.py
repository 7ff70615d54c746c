"""Teach the router a model of yours from its graded answers; then it decides about that model."""

import json
import tempfile
from pathlib import Path

from edge_router import Config, ExpertConfig, Router
from edge_router.learning.enrolment.enrol import Enroller

with tempfile.TemporaryDirectory() as folder:
    # One line a graded answer; this model is good at sums and bad at capitals.
    rows = [{"query": f"What is {n} plus {n + 3}?", "score": 1} for n in range(40)]
    lands = ("Peru", "Chad", "Nepal", "Norway", "Kenya", "Laos", "Cuba", "Iran", "Togo", "Oman")
    rows += [{"query": f"What is the capital of {land}?", "score": 0} for land in lands * 2]
    outcomes = Path(folder, "my-model.jsonl")
    outcomes.write_text("".join(json.dumps(row | {"output_tokens": 8}) + "\n" for row in rows))

    enroller = Enroller(Config(data_dir=folder), "my-model", command="python enrol_a_model.py")
    print(enroller.keep(enroller.from_file(outcomes)))  # as: edge-router enroll my-model --outcomes

    mine = ExpertConfig("openai", "my-model", "my-model", base_url="http://localhost:8080/v1")
    cloud = ExpertConfig(
        "openai", "big-model", "frontier", base_url="https://llm.example.com/v1",
        input_usd_per_million=2.5, output_usd_per_million=10.0,
    )  # fmt: skip
    router = Router.from_config(Config(data_dir=folder, experts={"mine": mine, "cloud": cloud}))
    for query in ("What is 12 plus 30?", "What is the capital of Ghana?"):
        expected = router.estimate(query)["mine"].quality
        print(f"{query} -> {router.route(query).expert}, {expected:.0%} expected of mine")
