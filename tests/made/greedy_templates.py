"""Chat templates that try to eat the memory, for the sandbox to refuse."""

from __future__ import annotations

import tracemalloc

from edge_router.backends.llama_cpp.chat_template import (
    ChatTemplate,
    Conversations,
    default_template,
)
from edge_router.chat.completion import Message

__all__ = ["GREEDY", "NESTED", "is_refused"]

MARKS = {"<|im_start|>", "<|im_end|>"}
MOST_BYTES = 200 << 20

NESTED = [
    "{% set ns = namespace(s=[1]) %}{% for i in range(40) %}{% set ns.s = [ns.s, ns.s] %}"
    f"{{% endfor %}}{{{{ {written} }}}}"
    for written in ("ns.s", "ns.s|tojson", "ns.s|string", "ns.s ~ 'a'", "'%s' % ns.s")
]
"""Lists of lists, 40 deep: written out, each takes all the time that a template has."""

GREEDY = (
    [
        "{% set ns = namespace(s='a') %}{% for i in range(45) %}"
        f"{{% set ns.s = {made} %}}{{% endfor %}}{{{{ ns.s[:3] }}}}"
        for made in ("ns.s ~ ns.s", "ns.s + ns.s", "[ns.s, ns.s]|string", "ns.s[:] + ns.s")
    ]
    + [
        (
            "{% set ns = namespace(s=[]) %}"
            "{% for i in range(99999) %}{% set ns.s = ns.s + ['a' * 1000000] %}{% endfor %}x"
        ),
        "{% set big %}{% for i in range(9999) %}{{ 'a' * 100000 }}{% endfor %}{% endset %}x",
    ]
    + [
        f"{{{{ ({made})|length }}}}"
        for made in (
            "'a'|center(2000000000)",
            "'a'.ljust(2000000000)",
            "'a'.zfill(width=2000000000)",
            "'\t'.expandtabs(2000000000)",
            "'{:>2000000000}'.format(1)",
            "'{:>{}}'.format(1, 2000000000)",
            "'%2000000000d'|format(1)",
            "'a'|indent(2000000000)",
            "[1]|tojson(indent=2000000000)",
            "[1]|batch(2000000000, 'x')|list",
            "('x' * 1000000).replace('x', 'y' * 5000)",
            "[1] * 100000 | join('y' * 5000)",
            "(5).to_bytes(2000000000, 'big')",
            "'a'.encode().ljust(2000000000)",
        )
    ]
)
"""A text or a list that is refused before it is made."""


def is_refused(source: str) -> None:
    """Fails unless the template gives way to ChatML, says so once, and takes little memory."""
    said: list[str] = []
    own = ChatTemplate(source, "<s>", "</s>", stop=("</s>",))
    found = Conversations(own, default_template(MARKS.__contains__), "Ours.", said.append)
    tracemalloc.start()
    try:
        rendered = found.render((Message("user", "Hi"),), lambda: True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rendered.text.startswith("<|im_start|>system")
    assert len(said) == 1
    assert peak < MOST_BYTES
