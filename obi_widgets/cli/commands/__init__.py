"""The commands of ``obi-widgets``, one module each.

A command is ``command``, made by click. It imports what it needs within its function: the help
of all commands then takes no longer than click itself. It returns an exit code of
`obi_widgets.cli.exit_codes`, or None when it is done, and raises an `ObiError` for what went wrong;
`obi_widgets.cli.main` says that in one line. What runs until it is interrupted does so within
`obi_widgets.cli.ending.interruptible`. A new command is a module here, its name in ``COMMANDS`` of
`obi_widgets.cli.main`, and its test.
"""
