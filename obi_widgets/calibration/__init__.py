"""What a signal is worth: returns, events, and statistics that know how little they know.

`returns` says what followed each state, `events` which states count, `inference` what followed
them on average and how sure that is, `bootstrap` the same by resampling and for many settings at
once; `multiple`, `power`, `coefficient` and `holdout` are what their names say.
"""
