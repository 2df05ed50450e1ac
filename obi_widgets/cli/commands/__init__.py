"""The commands of ``obi-widgets``, one module each.

A command is ``command``, made by click. All of them are imported at each start, so a module imports
click and the light modules of `obi_widgets.cli` alone (``completing``, ``ending``, ``exit_codes``,
``options``, ``output``, ``streams``), and everything else within its function. A command returns an
exit code of `obi_widgets.cli.exit_codes`, or None when it is done, and raises an `ObiError` for
what went wrong; `obi_widgets.cli.main` says that in one line. What runs until it is interrupted
does so within `obi_widgets.cli.ending.interruptible`. A new command is a module here, a line in
``COMMANDS`` of `obi_widgets.cli.main`, its test, and a section of docs/terminal.md.
"""
