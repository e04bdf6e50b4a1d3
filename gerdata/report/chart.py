"""Figures with intervals as one SVG picture: a line for each, a dot and a bar, and a dashed line where a reference is."""

from collections.abc import Sequence
from html import escape

WIDTH, ROW, NAMES, EDGE = 760, 24, 300, 36


def chart_of(title: str, rows: Sequence[tuple[str, float, float, float]], reference: float | None = None) -> str:
    """`rows`: name, value, low, high, all in [0, 1]. Nothing is fetched and nothing runs in it; names are escaped."""
    values = [x for _, *told in rows for x in told if x == x]
    low, high = max(0.0, min(values, default=0.0) - 0.02), min(1.0, max(values, default=1.0) + 0.02)
    span = max(high - low, 1e-6)

    def at(value: float) -> str:
        return f"{NAMES + (value - low) / span * (WIDTH - NAMES - EDGE):.1f}"

    height = ROW * (len(rows) + 3)
    bottom = ROW * (len(rows) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="8" y="16" font-weight="bold">{escape(title)}</text>',
    ]
    if reference is not None:
        x = at(reference)
        parts.append(f'<line x1="{x}" x2="{x}" y1="{ROW}" y2="{bottom}" stroke="#999" stroke-dasharray="4 3"/>')
    for number, (name, value, least, most) in enumerate(rows, 1):
        y = ROW * number + ROW / 2
        parts.append(f'<text x="8" y="{y + 4:.0f}">{escape(name)}</text>')
        if least == least and most == most:
            parts.append(f'<line x1="{at(least)}" x2="{at(most)}" y1="{y}" y2="{y}" stroke="#36c" stroke-width="2"/>')
        parts.append(f'<circle cx="{at(value)}" cy="{y}" r="4" fill="#036"/>')
    for step in range(5):
        value = low + span * step / 4
        parts.append(f'<text x="{at(value)}" y="{bottom + 14}" text-anchor="middle" fill="#555">{value:.2f}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
