"""What a file of each format looks like, in a line: for messages and help."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["EXPECTED"]

EXPECTED: Mapping[str, str] = {
    "csv": 'a header such as query,small,big, then lines such as "What is 7 times 8?",1,0.5',
    "jsonl": 'lines such as {"query": "What is 7 times 8?", "score": {"small": 1, "big": 0.5}}',
    "routellm": 'a header such as prompt,small,big, then lines such as "What is 7 x 8?",True,False',
    "routerbench": "the columns prompt and eval_name, and for each MODEL one of scores, MODEL, and "
    "MODEL|total_cost",
    "routereval": "DATASET_router_dataset.pkl, one pool's .npz, or scores in .npy with --texts",
    "alpacaeval": 'an annotations.json such as [{"instruction": "Name a fruit.", "generator_1": '
    '"reference", "generator_2": "model", "preference": 1.7}]',
    "llmrouter": 'lines such as {"query": "What is 7 times 8?", "model_name": "small", '
    '"performance": 1.0}',
}
