"""Hooks of `mkdocs build`: what the pages name beyond docs/ becomes part of the site.

The README is the home page. Other files and folders that a page links to, which GitHub shows, become pages with their
text. Diagrams are drawn while the site is built, so that no reader loads a script from elsewhere.
"""

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import mmdr
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

TOP = Path(__file__).parent.parent
# Pages of the top folder with a place of their own, and the pages made from other files.
HOME, SOURCE = "index.md", "source"
PAGES = {"README.md": HOME, **{name: name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")}}
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)(#[^)\s]*)?(?=\))")
# A link whose text is the name of a page, which on the site has a title.
NAMED = re.compile(r"\[([\w.-]+\.md)\](?=\(\1[)#])")
DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES: Mapping[str, str] = {".sql": "sql", ".toml": "toml", ".py": "python", ".service": "ini", ".timer": "ini"}
# Pixels below which a diagram is not shrunk to the column, but scrolled.
WIDEST = 1640
THEMES = {"light": "default", "dark": "dark"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the top folder, every other file or folder that is linked, and the diagrams."""
    for name, uri in PAGES.items():
        text = (TOP / name).read_text(encoding="utf-8")
        files.append(
            File.generated(config, uri, content=f"---\nhide: [navigation]\n---\n{text}" if uri == HOME else text)
        )
    sources = dict(_written(files))
    for target in sorted({target for uri, path in sources.items() for target in _beyond(uri, path)}):
        files.append(_generated(config, f"{SOURCE}/{target}.md", _shown(TOP / target, target)))
    for uri, path in sources.items():
        for number, diagram in enumerate(DIAGRAM.findall(path.read_text(encoding="utf-8"))):
            for name, theme in THEMES.items():
                files.append(_generated(config, _picture(uri, number, name), _drawn(diagram, theme)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Point links at the pages of the site, and show diagrams as pictures."""
    uri = page.file.src_uri
    if uri.startswith(f"{SOURCE}/"):
        return markdown
    here = PurePosixPath(uri).parent
    markdown = NAMED.sub(lambda link: f"[{_title(_target(uri, link[1]))}]", markdown)
    markdown = LINK.sub(lambda link: _relative(_uri_of(_target(uri, link[1])), here) + (link[2] or ""), markdown)
    numbers = itertools.count()
    return DIAGRAM.sub(lambda found: _figure(uri, next(numbers), found[1]), markdown)


def _written(files: Files) -> Iterator[tuple[str, Path]]:
    """Yield the pages that somebody wrote, with the files they are in."""
    for file in files.documentation_pages():
        top = next((name for name, uri in PAGES.items() if uri == file.src_uri), None)
        yield file.src_uri, TOP / top if top else Path(str(file.abs_src_path))


def _beyond(uri: str, path: Path) -> Iterator[str]:
    """Yield what a page links to and the site would lack, relative to the top folder."""
    for link in LINK.finditer(path.read_text(encoding="utf-8")):
        target = _target(uri, link[1])
        if _uri_of(target).startswith(f"{SOURCE}/"):
            yield target


def _target(uri: str, link: str) -> str:
    """The file that a link means, relative to the top folder: the page may be in docs/ or above it."""
    top = next((name for name, known in PAGES.items() if known == uri), None)
    return os.path.normpath(PurePosixPath(top or f"docs/{uri}").parent / link)


def _uri_of(target: str) -> str:
    """The page or picture of the site that shows a file."""
    if target in PAGES:
        return PAGES[target]
    path = PurePosixPath(target)
    is_shown = path.parts[0] == "docs" and path.suffix in (".md", ".png")
    return str(path.relative_to("docs")) if is_shown else f"{SOURCE}/{target}.md"


def _relative(uri: str, here: PurePosixPath) -> str:
    return os.path.relpath(uri, here)


def _generated(config: MkDocsConfig, uri: str, content: str) -> File:
    return File.generated(config, uri, content=content, inclusion=InclusionLevel.NOT_IN_NAV)


def _shown(path: Path, name: str) -> str:
    """A page with the text of a file, or with the names in a folder."""
    if path.is_dir():
        names = sorted(str(each.relative_to(path)) for each in path.rglob("*") if each.is_file())
        text, language = "\n".join(names), "text"
    else:
        text, language = path.read_text(encoding="utf-8").rstrip("\n"), LANGUAGES.get(path.suffix, "text")
    return f"# {name}\n\n``````{language}\n{text}\n``````\n"


def _picture(uri: str, number: int, scheme: str) -> str:
    return f"diagrams/{PurePosixPath(uri).stem}-{number + 1}-{scheme}.svg"


def _drawn(diagram: str, theme: str) -> str:
    return mmdr.render(f'%%{{init: {{"theme": "{theme}"}}}}%%\n{diagram}').svg()


def _figure(uri: str, number: int, diagram: str) -> str:
    """A diagram in both colour schemes, each of which leads to the picture alone. A wide one can be scrolled."""
    size = re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', _drawn(diagram, THEMES["light"]))
    assert size is not None
    width, height = float(size[1]), float(size[2])
    pictures = (
        f'<a href="{path}"><img alt="diagram" src="{path}#only-{scheme}" width="{width:.0f}" height="{height:.0f}"'
        f' style="min-width: {min(width, WIDEST):.0f}px"></a>'
        for scheme in THEMES
        for path in [_picture(uri, number, scheme)]
    )
    return f'<div class="diagram" tabindex="0" role="group" aria-label="Diagram">{"".join(pictures)}</div>'


def _title(target: str) -> str:
    """The heading of a page."""
    return (TOP / target).read_text(encoding="utf-8").split("# ", 1)[1].splitlines()[0]
