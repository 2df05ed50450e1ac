"""Calibration: whether a signal predicts returns, and whether that pays its costs.

Judging one setting: `calibrate` makes a `report`, from the signal's `episodes` and entries, the
`forward_returns` after them, and their gains `as_traded`; `verdict` states the rule. Choosing
among many: `sweep` fills a `surface`, `walk_forward` and `proposal` choose on the past alone.
Testing what was chosen: `seal`, `sealed`, `confidence_sequence`. Checks of an analysis itself:
`lookahead`, `placebo`. The standard errors and corrections are in `statistics`.
"""
