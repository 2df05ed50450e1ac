"""Markets of exchanges that ccxt knows: ``ccxt:EXCHANGE:SYMBOL``."""
