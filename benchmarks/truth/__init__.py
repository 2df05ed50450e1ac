"""Whether what is called live is true: markets that are known, exchanges with faults, an oracle.

``python -m benchmarks.truth --venue lmex --sequences 1000 --seed 1`` plays fault sequences, each
from a seed of its own, and checks every state against the true market after every step. Nothing
here reads the product's idea of where it is in the venue's sequence: `product` is the only module
that knows the product's names, and it hands out states and levels alone.
"""
