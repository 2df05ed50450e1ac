"""What the command ``obi-widgets lab`` opens: JupyterLab, with nothing in front of the lab."""

from __future__ import annotations

import contextlib

import pytest
from lab_tools import LabProcess
from playwright.sync_api import expect

NEWS = "api/config/jupyterlabapputilsextensionannouncements"
"""What JupyterLab reads before it decides whether to ask about its news."""


@pytest.fixture
def command(tmp_path):
    with LabProcess(tmp_path, "--no-browser", "--port", "18777") as running:
        yield running


@contextlib.contextmanager
def opened(jupyterlab, address, width):
    """Show an address in a window that wide, until JupyterLab has started in it."""
    page = jupyterlab.context.new_page()
    try:
        page.set_viewport_size({"width": width, "height": 900})
        with page.expect_response(lambda response: NEWS in response.url, timeout=90_000):
            page.goto(address)
        expect(page.locator(".obi-lab .obi-price").first).to_be_visible(timeout=90_000)
        page.wait_for_timeout(1500)  # for what JupyterLab might still put in front
        yield page
    finally:
        page.close()


def test_no_box_is_over_the_lab_and_the_file_browser_is_folded_where_it_is_narrow(
    jupyterlab, command, artefacts
):
    # The wide window first: JupyterLab remembers that its file browser is open.
    for width, browser in ((1600, True), (1240, False)):
        with opened(jupyterlab, command.address, width) as page:
            page.screenshot(path=artefacts / f"lab-command-{width}.png")
            expect(page.locator(".Toastify__toast")).to_have_count(0)
            expect(page.locator(".jp-FileBrowser")).to_be_visible(visible=browser)
