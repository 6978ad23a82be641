"""One PDF file by reportlab: A4, page numbers, charts as vectors, the same bytes for the same content."""

from __future__ import annotations

import io
from functools import cache
from html import escape
from typing import Any

from choirmaster.reports.model import Chart, Column, Content, Section, Table
from choirmaster.reports.picture import Shape, shapes
from choirmaster.reports.words import cell_text, moment, plain

FONT, BOLD = "Vera", "VeraBd"
EDGE, CHART_HEIGHT = 42.0, 150.0
INSET = EDGE + 6.0  # a frame of reportlab keeps six points on each side
WIDTH = 595.27 - 2 * INSET
INK, SOFT, LINE = "#1d2326", "#5a656b", "#dfe3e2"


def render_pdf(content: Content) -> bytes:
    """Draw the whole report as one PDF file."""
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import SimpleDocTemplate

    known = _glyphs()
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=EDGE,
        rightMargin=EDGE,
        topMargin=EDGE,
        bottomMargin=EDGE + 8,
        invariant=1,
        title=shown(content.title, known),
        author="choirmaster",
        subject=shown(content.ensemble, known),
    )
    parts: list[Any] = [_paragraph(content.title, "title", known), _paragraph(_span(content), "soft", known)]
    parts += [_paragraph(f"• {sentence}", "point", known) for sentence in content.summary]
    for section in content.sections:
        parts += _section(section, known)
    document.build(parts, canvasmaker=_numbered(shown(content.title, known)))
    return out.getvalue()


@cache
def _glyphs() -> frozenset[int]:
    """Register the two fonts that come with reportlab and return the characters they have."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    for name in (FONT, BOLD):
        pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))
    font: Any = pdfmetrics.getFont(FONT)
    return frozenset(font.face.charToGlyph)


def shown(text: object, known: frozenset[int]) -> str:
    r"""Return a text with characters the fonts lack spelled out, so that two names never look the same.

    >>> print(shown("a" + chr(0x0627), frozenset({97})))
    a\u0627
    """
    return "".join(sign if ord(sign) in known or sign == "\\" else f"\\u{ord(sign):04x}" for sign in plain(text))


@cache
def _styles() -> dict[str, Any]:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.enums import TA_RIGHT
    from reportlab.lib.styles import ParagraphStyle as Style

    base = Style("base", fontName=FONT, fontSize=8.5, leading=12, textColor=HexColor(INK), splitLongWords=1)
    return {
        "title": Style("title", base, fontName=BOLD, fontSize=17, leading=22, spaceAfter=2),
        "soft": Style("soft", base, textColor=HexColor(SOFT), spaceAfter=5),
        "point": Style(
            "point", base, leftIndent=10, bulletIndent=0, firstLineIndent=-8, spaceAfter=3, fontSize=9, leading=13
        ),
        "head": Style("head", base, fontName=BOLD, fontSize=12.5, leading=16, spaceBefore=14, spaceAfter=4),
        "chart": Style("chart", base, fontName=BOLD, fontSize=9, spaceBefore=5),
        "cell": Style("cell", base, fontSize=7.2, leading=9.2),
        "right": Style("right", base, fontSize=7.2, leading=9.2, alignment=TA_RIGHT),
        "key": Style("key", base, fontSize=7, leading=9, textColor=HexColor(SOFT)),
        "keyright": Style("keyright", base, fontSize=7, leading=9, textColor=HexColor(SOFT), alignment=TA_RIGHT),
    }


def _paragraph(text: str, style: str, known: frozenset[int]) -> Any:
    from reportlab.platypus import Paragraph

    return Paragraph(escape(shown(text, known)), _styles()[style])


def _span(content: Content) -> str:
    span = f"{moment(content.start)} to {moment(content.end)} (UTC)" if content.start else "all rows"
    return f"{span}; made {moment(content.made_at)}" if content.made_at else span


def _section(section: Section, known: frozenset[int]) -> list[Any]:
    from reportlab.platypus import CondPageBreak, KeepTogether, Spacer

    parts: list[Any] = [CondPageBreak(230 if section.charts else 130), _paragraph(section.title, "head", known)]
    parts += [_paragraph(sentence, "soft", known) for sentence in section.sentences]
    for chart in section.charts:
        parts.append(KeepTogether([_paragraph(chart.title, "chart", known), _drawing(chart, known)]))
    for table in section.tables:
        parts += [_table(table, known), Spacer(0, 10)] if table.rows else [_paragraph(table.empty, "soft", known)]
    return parts


def _table(table: Table, known: frozenset[int]) -> Any:
    from reportlab.platypus import LongTable

    whole = sum(col.wide for col in table.columns)
    widths = [WIDTH * col.wide / whole for col in table.columns]
    head = [_paragraph(col.label, "keyright" if _right(col) else "key", known) for col in table.columns]
    body = [[_cell(col, row[col.key], known) for col in table.columns] for row in table.rows]
    style: Any = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 8),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ]
    return LongTable([head, *body], colWidths=widths, repeatRows=1, style=style, hAlign="LEFT")


def _cell(col: Column, cell: Any, known: frozenset[int]) -> Any:
    from reportlab.platypus import Paragraph

    first, second = (escape(shown(text, known)) for text in cell_text(col.kind, cell))
    if col.kind == "value" and cell is not None and cell.get("value") is not None:
        first = f'<font name="{BOLD}">{first}</font>'
    small = f'<br/><font size="5.6" color="{SOFT}">{second.replace("; ", "<br/>")}</font>' if second else ""
    return Paragraph(first + small, _styles()["right" if _right(col) else "cell"])


def _right(col: Column) -> bool:
    return col.kind in {"number", "share"}


def _drawing(chart: Chart, known: frozenset[int]) -> Any:
    from reportlab.graphics.shapes import Drawing

    drawing = Drawing(WIDTH, CHART_HEIGHT)
    for shape in shapes(chart, WIDTH, CHART_HEIGHT):
        drawing.add(_paint(shape, known))
    return drawing


def _paint(shape: Shape, known: frozenset[int]) -> Any:
    """Turn a shape over: in PDF the origin is the lower left corner."""
    from reportlab.graphics.shapes import Polygon, PolyLine, String
    from reportlab.lib.colors import HexColor

    colour = HexColor(shape.colour)
    anchor: Any = shape.anchor
    dash: Any = list(shape.dash) or None
    if shape.kind == "text":
        (x, y), *_ = shape.points
        return String(
            x,
            CHART_HEIGHT - y,
            shown(shape.text, known),
            fontName=FONT,
            fontSize=shape.size * 0.87,
            fillColor=colour,
            textAnchor=anchor,
        )
    flat = [part for x, y in shape.points for part in (x, CHART_HEIGHT - y)]
    if shape.kind == "area":
        return Polygon(flat, fillColor=colour, strokeColor=None, strokeWidth=0)
    return PolyLine(flat, strokeColor=colour, strokeWidth=shape.width, strokeDashArray=dash, strokeLineJoin=1)


def _numbered(title: str) -> Any:
    """Return a canvas that writes "page x of y", which is known only at the end."""
    from reportlab.lib.colors import HexColor
    from reportlab.pdfbase.pdfmetrics import stringWidth
    from reportlab.pdfgen.canvas import Canvas

    short = title
    while stringWidth(short, FONT, 7) > WIDTH - 120:
        short = short[:-2].rstrip("…") + "…"

    class Numbered(Canvas):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "initialFontName": FONT})
            self._kept: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802 - reportlab's name
            self._kept.append(dict(self.__dict__))
            begin: Any = getattr(self, "_startPage")  # noqa: B009 - reportlab documents it, its types do not
            begin()

        def save(self) -> None:
            for number, kept in enumerate(self._kept, start=1):
                self.__dict__.update(kept)
                self.setFont(FONT, 7)
                self.setFillColor(HexColor(SOFT))
                self.drawString(INSET, 26, short)
                self.drawRightString(INSET + WIDTH, 26, f"page {number} of {len(self._kept)}")
                super().showPage()
            super().save()

    return Numbered
