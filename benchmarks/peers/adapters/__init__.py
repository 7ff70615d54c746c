"""One short file a contender, run by the contender's own Python, without Edge Router.

Each has `load(examples, weak, strong)`: build the router as its documentation says, from
`examples` (query, score of the weak expert, score of the strong one) where it learns from any.
It gives a function that makes the whole decision about one text and returns how much the strong
expert is to be preferred (any scale), or None where the peer gives no score.
"""
