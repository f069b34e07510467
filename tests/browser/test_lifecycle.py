"""Notebooks that come and go: two at once, restarts, closed tabs, the launcher's tile."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from .conftest import TIMEOUT_MS, Lab, Notebook, free, wait_for

pytestmark = pytest.mark.xdist_group("browser-lifecycle")


def test_two_notebooks_at_once_have_a_phoenix_each_and_the_tile_leads_to_both(
    lab: Lab, browser_window: BrowserContext
) -> None:
    names = ("00_start_here", "01_manual_spans")
    notebooks = []
    for name in names:
        notebooks.append(Notebook(browser_window.new_page(), lab, name))
        notebooks[-1].run_first(2)
    ports = [notebook.port for notebook in notebooks]
    assert len(set(ports)) == len(names)

    page = notebooks[1].page
    page.get_by_role("button", name="New Launcher").first.click()
    page.locator('.jp-LauncherCard[title="Phoenix"]').click()
    tab = page.frame_locator('iframe[src*="/phoenix/"]')
    for name, port in zip(names, ports, strict=True):
        link = tab.get_by_role("link", name=name)
        expect(link).to_have_attribute("href", f"http://localhost:{port}/", timeout=120_000)
    tab.get_by_role("link", name=names[0]).click()
    expect(tab.get_by_role("link", name="Datasets & Experiments")).to_be_visible(timeout=120_000)

    for notebook in notebooks:
        notebook.page.get_by_role("tab", name=re.compile(notebook.name)).first.click()
        notebook.save()
        notebook.close()
    wait_for(lambda: not any(map(lab.runs, names)), "the kernels to end with their tabs")
    wait_for(lambda: all(map(free, ports)), "the ports to be free")


def test_restart_and_run_all_keeps_the_traces(lab: Lab, browser_window: BrowserContext) -> None:
    notebook = Notebook(browser_window.new_page(), lab, "00_start_here")
    notebook.run_all()
    notebook.menu("Run", "runmenu:restart-and-run-all")
    notebook.page.locator(".jp-Dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    prompts = notebook.page.locator(".jp-InputPrompt")
    expect(prompts.get_by_text("[*]:").first).to_be_attached(timeout=TIMEOUT_MS)
    notebook.wait_until_run()
    notebook.every_cell_ran()
    page = browser_window.new_page()
    page.goto(f"http://localhost:{notebook.port}/redirects/projects/00_start_here")
    page.get_by_role("tab", name="Traces").click(timeout=TIMEOUT_MS)
    expect(page.get_by_role("link", name="my-first-trace")).to_have_count(2)
    notebook.close()
    wait_for(lambda: not lab.runs(notebook.name), "the kernel to end with its tab")
