"""Settings in files: saved with what they were tuned on, and loaded again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.checks import instance
from obi_widgets.checks import path as as_path
from obi_widgets.errors import SettingsError
from obi_widgets.history.provenance import Provenance
from obi_widgets.settings import files
from obi_widgets.settings.provenance import (
    Findings,
    Sealed,
    from_tables,
    refuse_others,
    sealed_of,
    to_tables,
)
from obi_widgets.settings.undo import Undoable

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from obi_widgets.settings.parameters import Parameters


class Saved(Undoable):
    """Settings that are saved to a file and loaded from one."""

    provenance: Provenance | None = None
    """Data that a loaded file was tuned on; None if unknown."""

    findings: Findings | None = None
    """Calibration figures of a loaded file; None if it has none."""

    sealed: Sealed | None = None
    """Sealed test of a loaded file; None if it has none."""

    _loaded: Parameters | None = None  # values in the file that the three above came from

    def save(
        self,
        path: str | Path,
        *,
        provenance: Provenance | None = None,
        findings: Findings | None = None,
        sealed: Sealed | None = None,
    ) -> Path:
        """Write a ``.toml`` or ``.json`` file.

        Parameters
        ----------
        path : str or Path
            The file; an existing one is replaced.
        provenance : Provenance, optional
            Data that the settings were tuned on, ``history.provenance``. If left out, the data of
            the findings.
        findings : Findings, optional
            Calibration figures, ``report.findings``.
        sealed : Sealed, optional
            Result of a sealed test, ``test.summary()``. If all three are left out and the settings
            were loaded and not changed, those of the loaded file are written. Otherwise the file
            says that the settings are not calibrated.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingsError
            If the name has another ending, the file cannot be written, or the findings are about
            other settings, another market or another signal.

        Examples
        --------
        >>> path = obi.Settings(decay=0.2).save("btc.toml")
        >>> obi.Settings.load(path).decay
        0.2
        """
        path = as_path(path, files.TAKES)
        files.kind_of(path)
        instance("provenance", provenance, (Provenance, type(None)), "Give a Provenance.")
        instance("findings", findings, (Findings, type(None)), "Give report.findings.")
        instance("sealed", sealed, (Sealed, type(None)), "Give test.summary().")
        parameters = self.parameters
        nothing = provenance is None and findings is None and sealed is None
        if nothing and parameters == self._loaded:
            provenance, findings, sealed = self.provenance, self.findings, self.sealed
        refuse_others(parameters, provenance, findings)
        files.write(path, parameters.as_table(), to_tables(provenance, findings, sealed))
        return path

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read settings from a file written by `save` or by hand.

        Parameters
        ----------
        path : str or Path
            Ends in ``.toml`` or ``.json``.

        Returns
        -------
        Settings

        Raises
        ------
        SettingsError
            If the file cannot be read, is of a newer version, or has an unknown signal, an unknown
            setting, or a value out of range.
        """
        path = as_path(path, files.TAKES)
        values, document = files.read(path)
        try:
            settings = cls(**values)
            parameters = settings.parameters
            settings.provenance, settings.findings = from_tables(document, parameters)
            if "sealed_test" in document:
                settings.sealed = sealed_of(document["sealed_test"])
        except SettingsError as error:
            raise SettingsError(f"{path.name}: {error.what}", error.advice) from error
        settings._loaded = parameters
        return settings
