"""Every measure of one artifact on a split: everyday and exam queries, pools, attacks, languages.

result = assess(Setting.of("router-small", Path("data"), split="dev", work=Path("work")))
"""

from __future__ import annotations

from .run import assess
from .setting import Setting

__all__ = ["Setting", "assess"]
