"""Look at a built site: its links, what it asks of elsewhere, what it tells of a machine."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

# What a browser fetches by itself, by tag: the attribute that holds the address.
FETCHED = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "script": "src",
    "source": "src",
    "video": "src",
}
IN_STYLES = re.compile(r"(?:url\(\s*|@import\s+)[\"']?((?:https?:)?//[^\"')\s;]+)")
KEY = re.compile(r"\bsk-[A-Za-z0-9_-]{16,}|\bpx_[A-Za-z0-9]{16,}|\beyJ[A-Za-z0-9_-]{20,}")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|Users|tmp|work)/\w[^\s<\"']*")


def faults_of(site: Path) -> list[str]:
    """Return what is wrong with a site, each with the file it is in."""
    site = site.resolve()
    pages = {
        file: BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")
        for file in sorted(site.rglob("*.html"))
        if "_static" not in file.relative_to(site).parts  # the theme's templates
    }
    ids = {file: {str(tag["id"]) for tag in page.find_all(id=True)} for file, page in pages.items()}
    faults = {
        file: [*_strays(page), *_dead_links(file, page, ids), *_told(page)]
        for file, page in pages.items()
    }
    for file in sorted(site.rglob("*.css")):
        asked = IN_STYLES.findall(file.read_text(encoding="utf-8"))
        faults[file] = [f"asks {address}" for address in asked]
    return [
        f"{file.relative_to(site).as_posix()}: {fault}"
        for file, some in faults.items()
        for fault in some
    ]


def _strays(page: BeautifulSoup) -> Iterator[str]:
    """Yield what a browser that opens the page would ask of elsewhere."""
    for tag in page.find_all(list(FETCHED)):
        address = str(tag.get(FETCHED[tag.name], ""))
        if urlsplit(address).netloc and tag.get("rel") != ["canonical"]:
            yield f"<{tag.name}> asks {address}"


def _dead_links(file: Path, page: BeautifulSoup, ids: Mapping[Path, set[str]]) -> Iterator[str]:
    """Yield the links that lead to no file or place of the site; other hosts are not asked."""
    for tag in page.find_all(["a", *FETCHED]):
        address = str(tag.get(FETCHED.get(tag.name, "href"), ""))
        parts = urlsplit(address)
        if not address or parts.scheme in ("data", "mailto"):
            continue
        if parts.hostname in ("localhost", "127.0.0.1", "::1"):
            yield f"{address} needs a running course"
        if parts.scheme or parts.netloc:
            continue
        target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
        if target.is_dir():
            target /= "index.html"
        if not target.is_file():
            yield f"{address} does not exist"
        elif parts.fragment and unquote(parts.fragment) not in ids.get(target, set()):
            yield f"{address}: the page has no such place"


def _told(page: BeautifulSoup) -> Iterator[str]:
    """Yield what tells of the machine on which the site was built, or of a key."""
    text = str(page)
    for what, pattern in (("a machine's path", MACHINE_PATH), ("a key", KEY)):
        for found in sorted({match[0] for match in pattern.finditer(text)}):
            yield f"{what}, {found}"
