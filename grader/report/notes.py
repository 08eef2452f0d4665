"""NOTES.md as a reader sees it: CommonMark and tables, no HTML, no images, links that say that they leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from grader.report.text import visible

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token

TAGS = {
    "p", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "hr", "br", "a",
    "table", "thead", "tbody", "tr", "th", "td", "span",
}  # fmt: skip
DEEPER = 2  # the page's own headings are above those of the notes
NESTING = 12  # of lists and quotes
SWELLS = 5  # times what was written: a table of empty cells is a hundred times its source


@dataclass(frozen=True)
class NotesView:
    """Notes, rendered, and how many characters were cut off their end."""

    text: str
    html: Markup
    left_out: str


def notes_view(source: str, most: int) -> NotesView:
    """Prepare what a scorecard holds of NOTES.md."""
    text = source[:most].strip()
    left_out = max(0, len(source) - most)
    return NotesView(source.strip(), render(text) if text else Markup(""), f"{left_out:,}" if left_out else "")


def render(source: str) -> Markup:
    """Render notes; those that would come out many times as long are shown as they stand."""
    import nh3

    text = visible(source)
    html = visible(_markdown().render(text))  # once more: an entity may stand for what is not to be obeyed
    if len(html) > SWELLS * len(text) + 2000:
        return Markup('<pre tabindex="0">{}</pre>').format(text)
    # The parser lets no HTML through; the sanitiser does not rely on that.
    return Markup(
        nh3.clean(
            html,
            tags=TAGS,
            attributes={"a": {"href"}, "ol": {"start"}, "pre": {"tabindex"}},
            allowed_classes={"span": {"sr", "image"}},
            attribute_filter=_attribute,
            url_schemes={"http", "https"},
            link_rel="noopener noreferrer nofollow",
            generic_attribute_prefixes=set(),
        )
    )


def _leads_out(url: str) -> bool:
    """Allow links to the web only: nothing lies where a relative one would lead from a report."""
    return url.lower().startswith(("http://", "https://"))


def _attribute(tag: str, name: str, value: str) -> str | None:
    return None if name == "href" and not _leads_out(value) else value


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": NESTING}).enable("table")
    markdown.validateLink = _leads_out  # type: ignore[method-assign]
    markdown.core.ruler.push("deeper", _deepen)
    markdown.add_render_rule("image", _image)
    markdown.add_render_rule("link_close", _leaves)
    for name in ("fence", "code_block"):
        markdown.add_render_rule(name, _code)
    return markdown


def _deepen(state: Any) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + DEEPER)}"


def _image(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    # A remote image would tell its server who reads the report; one from the submission is not there.
    words = escape(tokens[index].content or "no description")
    return f'<span class="image">[image: {words}]</span>'


def _leaves(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return '<span class="sr"> (leaves this page)</span></a>'


def _code(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return f'<pre tabindex="0"><code>{escape(tokens[index].content)}</code></pre>\n'
