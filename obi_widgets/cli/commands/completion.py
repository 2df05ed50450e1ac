"""``obi-widgets completion``: the script by which a shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog="""\b
Examples:
  eval "$(obi-widgets completion bash)"                  in ~/.bashrc
  eval "$(obi-widgets completion zsh)"                   in ~/.zshrc
  obi-widgets completion fish > ~/.config/fish/completions/obi-widgets.fish
"""
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script by which a shell completes commands.

    SHELL then completes commands, options and sources with the tab key.
    """
    found = get_completion_class(shell)
    assert found is not None
    completing = found(ctx.find_root().command, {}, "obi-widgets", "_OBI_WIDGETS_COMPLETE")
    click.echo(completing.source())
