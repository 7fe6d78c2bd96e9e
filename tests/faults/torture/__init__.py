"""Torture: the whole stack under a mixed load, with faults drawn by a seed, and the judge at the end.

    make torture SEED=7 MINUTES=10        or        python -m tests.faults.torture --seed 7 --minutes 10

``load`` draws what clients ask, ``strikes`` what breaks, ``run`` brings them together, ``report`` tells what came of it.
The seed fixes what is drawn, not when the machine gets round to it: a seed that failed is a very good place to look.
"""
