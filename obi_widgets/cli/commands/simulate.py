"""``obi-widgets simulate``: the simulated exchange as a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from obi_widgets.cli.ending import interruptible
from obi_widgets.cli.output import say_json

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command(
    epilog="""\b
Examples:
  obi-widgets simulate
  obi-widgets simulate BTC-PERP ETH-PERP --seed 3 --faults 30
  obi-widgets simulate --json
"""
)
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@click.option("--seed", type=int, help="The same seed gives the same market. [default: random]")
@click.option("--edge", type=float, default=1.0, show_default=True, metavar="BPS",
              help="How far a hidden pressure moves mid; 0: nothing predicts it.")  # fmt: skip
@click.option("--warmup", type=float, default=0.0, show_default=True, metavar="SECONDS",
              help="A past, which the first subscriber gets at once.")  # fmt: skip
@click.option("--faults", type=float, metavar="SECONDS",
              help="Mean time from one fault to the next: lost, repeated and damaged data, lost "
              "connections. [default: none]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print lines of JSON.")
def command(
    symbols: tuple[str, ...],
    *,
    seed: int | None,
    edge: float,
    warmup: float,
    faults: float | None,
    as_json: bool,
) -> None:
    """Run the simulated exchange, and print its addresses.

    SYMBOL is what is traded, BTC-PERP if left out. It speaks the protocol of LMEX on 127.0.0.1,
    so other processes read it as lmex:SYMBOL with the addresses that are printed. These have a
    secret. A market begins when somebody subscribes. It goes on until Ctrl-C.
    """
    import threading
    import time

    from obi_widgets.feeds.simulation.alone import serve

    chosen = symbols or ("BTC-PERP",)
    seed = time.time_ns() % 2**32 if seed is None else seed

    def opened(urls: Mapping[str, str]) -> None:
        if as_json:
            say_json({"type": "open", "symbols": [*chosen], "seed": seed, "urls": dict(urls)})
            return
        given = " ".join(f"--url {name}={url}" for name, url in urls.items())
        click.echo(f"Serving {', '.join(chosen)}, seed {seed}. Stop it with Ctrl-C. Read it with:")
        click.echo(f"obi-widgets watch lmex:{chosen[0]} {given}")

    def failed(fault: str) -> None:
        if as_json:
            say_json({"type": "fault", "fault": fault, "time_ns": time.time_ns()})
        else:
            click.echo(f"Fault: {fault}.")

    with interruptible(while_read=True):
        serve(
            chosen, opened, threading.Event(), seed=seed, edge=edge, warmup=warmup,
            faults_every=faults, failed=failed,
        )  # fmt: skip
