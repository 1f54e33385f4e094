"""Bars as SVG, drawn here: no library, nothing fetched, readable on a light and on a dark page."""

from collections.abc import Mapping
from html import escape

from tests.bench.report import DOCS

_ROW_PX, _NAME_PX, _BAR_PX, _VALUE_PX = 26, 300, 330, 90
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2733}.t{font-weight:600}.b{fill:#2f6fb7}.h{fill:#b7791f}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf5}.b{fill:#6aa9ec}.h{fill:#e0b04a}}"
)


def write_bars(name: str, title: str, unit: str, values: Mapping[str, float], limit: str = "") -> None:
    """Stores bars as `docs/images/<name>.svg`.

    Args:
        name: Of the file.
        title: What is compared.
        unit: Of the values.
        values: By name, from top to bottom.
        limit: The name whose bar is the limit, drawn in another colour.
    """
    (DOCS / "images" / f"{name}.svg").write_text(bars(title, unit, values, limit), encoding="utf-8")


def bars(title: str, unit: str, values: Mapping[str, float], limit: str = "") -> str:
    """The bars as SVG; the longest fills its column."""
    most = max(values.values())
    width, height = _NAME_PX + _BAR_PX + _VALUE_PX, 34 + _ROW_PX * len(values)
    about = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{escape(title)}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {about}>',
        f'<style>{_STYLE}</style><text class="t" x="8" y="20">{escape(title)} ({escape(unit)})</text>',
    ]
    for place, (name, value) in enumerate(values.items()):
        top, long_px = 32 + place * _ROW_PX, max(1.0, _BAR_PX * value / most)
        kind = "h" if name == limit else "b"
        lines += [
            f'<text x="{_NAME_PX - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{_NAME_PX}" y="{top + 2}" width="{long_px:.1f}" height="18" rx="3"/>',
            f'<text x="{_NAME_PX + long_px + 6:.1f}" y="{top + 15}">{value:.1f}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
