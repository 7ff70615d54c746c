"""Task kinds in words that a user understands."""

from __future__ import annotations

__all__ = ["EVERYDAY_KINDS", "kind_words"]

EVERYDAY_KINDS = {  # those of the rubric, export/recipes/everyday_rubric.md
    "chitchat": "small talk",
    "emotional": "personal support",
    "advice": "advice",
    "facts": "a question of fact",
    "howto": "instructions",
    "explain": "an explanation",
    "writing": "writing",
    "rewriting": "rewriting a text",
    "summarise": "a summary",
    "translation": "translation",
    "extraction": "taking data out of a text",
    "classification": "sorting into classes",
    "brainstorm": "ideas",
    "roleplay": "role play",
    "coding": "code",
    "debugging": "finding a fault in code",
    "maths": "maths",
    "reasoning": "a puzzle or an argument",
    "planning": "a plan",
    "recommendation": "a recommendation",
    "dataanalysis": "analysing data",
    "science": "science",
    "medical": "health",
    "legal": "law",
    "finance": "money and banking",
    "exam": "an exam question",
    "command": "a command to a device",
    "live": "live data",
    "harmful": "a request that may do harm",
    "nonsense": "no clear request",
}
TASKS = {
    "agentverse-logicgrid": "a logic puzzle",
    "arc_challenge": "school science",
    "bbh": "a reasoning test",
    "commongen": "a sentence from given words",
    "commonsense_qa": "common sense",
    "humaneval": "a function in Python",
    "instruction_following": "exact instructions for a text",
    "math_competition": "competition maths",
    "math_word": "a maths word problem",
    "mbpp": "a short program",
    "natural_qa": "a question of fact",
    "openbook_qa": "school science",
    "pubmedqa": "a medical study",
    "simpleqa": "a rare fact",
}
EXAMS = {"mmlu": "exam", "mmlu_pro": "hard exam"}


def kind_words(kind: str) -> str:
    """The kind of an artifact in words; one of a user's own router as it is called.

    "everyday/howto" is "instructions", "mmlu_pro/law" is "hard exam: law".
    """
    group, _, name = kind.partition("/")
    if group == "everyday" and name in EVERYDAY_KINDS:
        return EVERYDAY_KINDS[name]
    if group in EXAMS and name:
        return f"{EXAMS[group]}: {name.replace('_', ' ')}"
    return TASKS.get(kind, kind.replace("_", " "))
