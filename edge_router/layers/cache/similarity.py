"""x"""
from __future__ import annotations
class Similarity:
    least_cosine = 0.8
    @classmethod
    def of(cls, artifact): return cls()
    def asks_the_same(self, asked, kept, cosine): return cosine > 0.95
