"""Text for a PDF: what strangers wrote is shown, never obeyed, in whatever script it is."""

from typing import Final
from xml.sax.saxutils import escape

from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Paragraph

# Known to every viewer, so it need not be in the file: Chinese, Japanese, Greek, Cyrillic. Latin is in Helvetica.
_WIDE_FONT: Final = "STSong-Light"
_WIDE_CODEC: Final = "gbk"
_LATIN_CODEC: Final = "cp1252"
BODY: Final = ParagraphStyle("body", fontName="Helvetica", fontSize=8.5, leading=10.5, wordWrap="CJK")
SMALL: Final = ParagraphStyle("small", parent=BODY, fontSize=7, leading=8.5)
HEADING: Final = ParagraphStyle(
    "heading", parent=BODY, fontName="Helvetica-Bold", fontSize=10.5, leading=13, spaceBefore=6
)
TITLE: Final = ParagraphStyle("title", parent=BODY, fontName="Helvetica-Bold", fontSize=15, leading=19, spaceAfter=4)


def load_fonts() -> None:
    """Makes the fonts known; as often as you like."""
    if _WIDE_FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(_WIDE_FONT))


def paragraph(text: str, style: ParagraphStyle = BODY) -> Paragraph:
    """The text as a paragraph. reportlab reads tags in paragraphs; those in the text are shown as they are."""
    return Paragraph(to_markup(text), style)


def to_markup(text: str) -> str:
    """The text for a paragraph: each run of characters in a font that has them.

    What no font has is written as `\\uXXXX`: two part numbers never look alike because of a missing glyph.
    """
    pieces: list[str] = []
    run, is_wide = "", False
    for character in text:
        shown, wide = _shown(character)
        if wide != is_wide:
            pieces.append(_run(run, is_wide))
            run, is_wide = "", wide
        run += shown
    return "".join(pieces) + _run(run, is_wide)


def _shown(character: str) -> tuple[str, bool]:
    """A character as it is shown, and whether that takes the wide font."""
    if character.isprintable():
        if _has(_LATIN_CODEC, character):
            return character, False
        if _has(_WIDE_CODEC, character):
            return character, True
    code = ord(character)
    return (f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"), False


def _run(run: str, is_wide: bool) -> str:
    return f'<font face="{_WIDE_FONT}">{escape(run)}</font>' if is_wide and run else escape(run)


def _has(codec: str, character: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
