"""Events: what happened, for others to hear of.

feed       positions: the one order in which everybody hears of them; consumers, who read by it
"""
