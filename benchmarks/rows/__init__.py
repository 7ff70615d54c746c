"""Result rows: cell, samples, context and the machine's state; reading and comparing them."""
