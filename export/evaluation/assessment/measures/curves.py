"""Cost against quality on everyday and exam queries: router, prompt length, coin and oracle."""

from __future__ import annotations

import numpy as np

from edge_router.routing.arrays import Float64s

from ....metrics.apgr import upper_hull
from ..pool import Pool, PoolPlan, pool_of
from ..pool_plans import EVERYDAY, MMLU_PRO, pool_plans
from ..result import Line, LinePlot, Result
from ..setting import Setting
from ..split_rows import knowing

__all__ = ["curves"]

POOL_SIZE = 4
SHOWN = {EVERYDAY: "Everyday queries (ratings)", MMLU_PRO: "Exam questions (MMLU-Pro)"}


def curves(setting: Setting) -> Result:
    """One figure for each kind, of the same four sizes at the recipe's reference prices."""
    plans = {
        plan.table: plan
        for plan in pool_plans(setting.recipe)
        if plan.table in SHOWN and len(plan.members) == POOL_SIZE
    }
    plots = tuple(_plot(setting, plans[table], title) for table, title in SHOWN.items())
    text = (
        "Each line shows mean quality over mean dollars at all prices: 3b on the device, 8b, 70b "
        "and frontier in the cloud. Prompt length is the same rule with qualities predicted from "
        "length alone, fitted to the train rows. Coin is a mix of single experts."
    )
    return Result("curves", "Cost against quality", (text,), (), plots)


def _plot(setting: Setting, plan: PoolPlan, title: str) -> LinePlot:
    pool = pool_of(setting, plan)
    most = float(pool.dollars.mean(axis=0).max())
    once = np.ones((1, len(pool.scores)), dtype=np.uint16)
    singles = upper_hull(*(values[0] for values in pool.singles(once)))
    lines = [
        _line("router", pool.swept(pool.expected), most),
        _line("prompt length", pool.swept(_by_length(setting, plan, pool)), most),
        _line("coin", singles, most),
        _line("oracle", _oracle(pool, most), most),
    ]
    alt = (
        f"{title}: mean quality over cost for the router, prompt length, a coin between single "
        "experts and the oracle."
    )
    return LinePlot(
        title, alt, "cost, % of always asking the dearest", "mean quality", tuple(lines)
    )


def _line(name: str, points: tuple[Float64s, Float64s], most: float) -> Line:
    dollars, scores = points
    order = np.lexsort((scores, dollars))
    x, y = 100 * dollars[order] / most, scores[order]
    return Line(name, tuple(x.tolist()), tuple(y.tolist()))


def _oracle(pool: Pool, most: float) -> tuple[Float64s, Float64s]:
    """From the cheapest expert alone on, and flat where more money buys nothing."""
    dollars, scores = pool.swept(pool.scores, floor=False)
    alone = pool.dollars.mean(axis=0)
    cheapest = int(alone.argmin())
    x, y = upper_hull(
        np.append(dollars, alone[cheapest]), np.append(scores, pool.scores[:, cheapest].mean())
    )
    return np.append(x, most), np.append(y, y[-1])


def _by_length(setting: Setting, plan: PoolPlan, pool: Pool) -> Float64s:
    """Quality of each expert (queries, experts), linear in the logarithm of the prompt's length."""
    columns = []
    for member in plan.members:
        rows = knowing(setting.rows.train(plan.table), member.expert)
        lengths = np.log([1.0 + len(row["query"]) for row in rows])
        scores = [row["score"][member.expert] for row in rows]
        columns.append(np.polyval(np.polyfit(lengths, scores, 1), np.log(1 + pool.lengths)))
    return np.stack(columns, axis=1)
