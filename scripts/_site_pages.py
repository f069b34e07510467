"""Make pages of lessons that were run: what only a running course can do is said in words.

What a reader would rather find out is folded: the answer to a prediction, a hint, a solution. The
checks of exercises are shown and not their outputs, which judge a starter.
"""

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from _run import CommandError
from bs4 import BeautifulSoup, Tag

SOLUTION, ANSWER = "Solution", "What the trace says"
LIVE = "in a running course"
FRAME = "In a running course, Phoenix opens here."
FRAME_PICTURED = "In a running course, Phoenix opens here; pictures of it are below."
LINKS = f"*{LIVE[0].upper()}{LIVE[1:]}, its entries are links into Phoenix.*"
PROGRESS = "In a running course, a table of what you have passed and predicted stands here."
# What a page can show, best first; of each output one is kept.
SHOWN = ("text/html", "image/svg+xml", "image/png", "text/markdown", "text/plain")
LOOPBACK = re.compile(
    r"(?:\b(?:https?|wss?)://)?(?:\blocalhost|\b127\.0\.0\.1|\[::1\])"
    r"(?::|',? port=)(?P<port>\d{2,5})\b"
)
# Where a view of a trace folds the rest of a long value.
SPLIT = re.compile(r"</pre><details[^>]*><summary[^>]*>[^<]*</summary><pre[^>]*>")
LIBRARY_WARNING = re.compile(r"(?m)^\S*\bsite-packages\b\S*:\d+: \w*Warning: .*\n(?:  .*\n)?")
ANCHOR = re.compile(r'(?m)^<a id="[^"]+"></a>\n+')


class Places:
    """The folders of this machine, and what a page calls them."""

    def __init__(self, names: Mapping[Path, str]) -> None:
        both = {str(place.resolve()): name for place, name in names.items()}
        both |= {str(place): name for place, name in names.items()}
        # The longest first, since one may lie in another; "/" is no machine's own.
        self._names = sorted(both.items(), key=lambda pair: -len(pair[0]))

    def hide(self, text: str) -> str:
        """Return text with the folders' names for their paths, and without ports of this run."""
        for place, name in self._names:
            text = _replace(place, name, text) if len(place) > 1 else text
        return LOOPBACK.sub(lambda found: found[0].removesuffix(found["port"]) + "PORT", text)


def _replace(place: str, name: str, text: str) -> str:
    """Replace a path, also where a view folds the rest of a long value or leaves it out."""
    if SPLIT.search(text):
        split = f"(?:{SPLIT.pattern})?".join(map(re.escape, place))
        text = re.sub(split, lambda found: name + "".join(SPLIT.findall(found[0])), text)
    text = text.replace(place, name)
    if "…" in text:
        first = len(str(Path(*Path(place).parts[:2])))  # "/home" alone tells nothing
        for end in range(len(place) - 1, first + 1, -1):
            text = text.replace(f"{place[:end]}…", f"{name}…")
    return text


def on_site(markdown: str, top: str) -> str:
    """Return a text of the course as the site has it.

    The README is the first page, ``index``. Anchors that JupyterLab needs are gone: the headings
    have the same ids.

    Args:
        markdown: The text.
        top: The way from its folder to the top of the course, such as ``../``.

    """
    return ANCHOR.sub("", markdown).replace(f"]({top}README.md", f"]({top}index.md")


def page_of(notebook: Any, places: Places, download: str, top: str = "../") -> Any:
    """Return the notebook that Sphinx makes a page of.

    Args:
        notebook: One that was run, or has no outputs.
        places: What must not be seen.
        download: Where the notebook to take home is, as its page sees it.
        top: The way from its folder to the top of the course.

    Raises:
        CommandError: an output shows a picture that nobody has described.

    """
    page = copy.deepcopy(notebook)
    page.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    for number, cell in enumerate(page.cells):
        if cell.cell_type == "markdown":
            cell.source = on_site(cell.source, top)
        elif cell.cell_type == "code":
            after = _text_after(page.cells[number + 1 :])
            _code_cell(cell, after, places)
            if _has_frame(notebook.cells[number]) and "![" in after:
                _open_folds(page.cells[number + 1])
    first = page.cells[0]
    title, _, rest = first.source.partition("\n")
    button = f"{{.download}}\n{{download}}`Download this notebook <{download}>`"
    first.source = f"{title}\n\n{button}\n{rest}"
    return page


def _text_after(cells: Sequence[Any]) -> str:
    """Return the text right below a cell; "" if other code comes first."""
    return str(cells[0].source) if cells and cells[0].cell_type == "markdown" else ""


def _code_cell(cell: Any, after: str, places: Places) -> None:
    tags = set(cell.metadata.get("tags", []))
    cell.metadata.pop("jupyter", None)
    if "check" in tags:
        cell.outputs = []
    if "course.progress(" in cell.source:
        cell.outputs = [_html(_note(PROGRESS))]
    cell.outputs = [_output(one, cell, after, places) for one in cell.outputs if _matters(one)]
    said: dict[str, Any] = {"image": {"alt": cell.metadata.get("alt", "")}}
    folded = ""
    if "solution" in tags:
        cell.source = re.sub(r"\A%%solution .*\n", "", cell.source)
        folded, kind = SOLUTION, "hide-cell"
    elif "course.reveal(" in cell.source:
        folded, kind = ANSWER, "hide-output"
    if folded:
        cell.metadata["tags"] = sorted({*tags, kind})
        said |= {"code_prompt_show": folded, "code_prompt_hide": folded}
    cell.metadata["mystnb"] = said


def _matters(output: Any) -> bool:
    """Say whether an output is more than what a library warns its own authors of."""
    text = output.text if output.output_type == "stream" else ""
    return not text or bool(LIBRARY_WARNING.sub("", text).strip())


def _output(output: Any, cell: Any, after: str, places: Places) -> Any:
    """Return an output as a page can show it."""
    if output.output_type == "stream":
        output.text = places.hide(LIBRARY_WARNING.sub("", output.text))
    elif output.output_type == "error":
        output.evalue = places.hide(output.evalue)
        output.traceback = [places.hide(line) for line in output.traceback]
    else:
        kind = next((kind for kind in SHOWN if kind in output.data), None)
        if kind is None or "application/vnd.jupyter.widget-view+json" in output.data:
            return _html(_note(f"What this cell shows works {LIVE} only."))
        if kind.startswith("image/") and not cell.metadata.get("alt"):
            raise CommandError(
                f"The cell {cell.id} draws a picture. Describe it for those who do not see it, in"
                ' the metadata of the cell: {"alt": "..."}'
            )
        shown = output.data[kind]
        if kind == "text/html":
            shown = without_live_parts(shown, pictured="![" in after)
            shown = unfolded(shown, after)
        elif kind == "text/markdown":
            shown = without_live_links(shown)
        output.data = {kind: shown if kind == "image/png" else places.hide(shown)}
        output.metadata = {}
    return output


def without_live_parts(html: str, *, pictured: bool = False) -> str:
    """Return an output's HTML with words for frames, and for links into what no longer runs."""
    soup = BeautifulSoup(html, "html.parser")
    if soup.find("iframe"):
        return _note(FRAME_PICTURED if pictured else FRAME)
    for script in soup.find_all(["script", "style", "link"]):
        script.decompose()
    for head in soup.find_all("th"):
        if not head.get_text(strip=True):  # the corner of a data frame
            head.name = "td"
    for link in soup.find_all("a", href=True):
        if not _is_live(str(link["href"])):
            continue
        address = link.find_next_sibling()
        if isinstance(address, Tag) and address.name == "code":  # the course's links name theirs
            address.decompose()
        words = soup.new_tag("span", attrs={"class": "live"})
        words.string = f"{link.get_text()} ({LIVE})"
        link.replace_with(words)
    return str(soup)


def without_live_links(markdown: str) -> str:
    """Return an output's Markdown with plain words for its links into what no longer runs."""

    def words(link: re.Match[str]) -> str:
        return link["words"] if _is_live(link["address"]) else link[0]

    plain = re.sub(r"\[(?P<words>[^\]\n]*)\]\((?P<address>[^)\s]+)\)", words, markdown)
    return plain if plain == markdown else f"{plain}\n\n{LINKS}"


def _is_live(address: str) -> bool:
    return LOOPBACK.match(address) is not None or address.startswith("/")


def unfolded(html: str, after: str) -> str:
    """Return a trace's HTML with those spans unfolded that the text after it speaks of.

    The text up to the next heading counts. If it tells to unfold and names none, all are.
    """
    text = re.split(r"(?m)^#", after, maxsplit=1)[0]
    soup = BeautifulSoup(html, "html.parser")
    rows: list[tuple[str, Tag]] = []
    for fold in soup.find_all("details"):
        name = fold.summary.find("b", recursive=False) if fold.summary else None
        if name is not None:
            rows.append((name.get_text(), fold))
    spoken_of = [fold for name, fold in rows if f"`{name}`" in text]
    if not spoken_of and re.search(r"(?i)\bunfold\b", text):
        spoken_of = [fold for _, fold in rows]
    for fold in spoken_of:
        fold["open"] = ""
    return str(soup)


def _has_frame(cell: Any) -> bool:
    outputs = cell.get("outputs", [])
    return any("<iframe" in one.get("data", {}).get("text/html", "") for one in outputs)


def _open_folds(cell: Any) -> None:
    cell.source = cell.source.replace("<details><summary>", "<details open><summary>")


def _note(words: str) -> str:
    return f'<p class="live">{words}</p>'


def _html(html: str) -> Any:
    data = {"text/html": html}
    return nbformat.v4.new_output("display_data", data=data)  # type: ignore[no-untyped-call]
