"""Small pictures as inline SVG: heat maps of an answer beside the expected one, and a histogram of marks.

They are drawn without a plotting library, so that a report does not need one; each value can be read on hover.
The input may be anything: a picture that is not a matrix of numbers is left out.
"""

from __future__ import annotations

import math

from markupsafe import Markup, escape

from autograder.reporting.text import line
from course.i18n import _

MOST = 12  # rows and columns drawn
_Values = list[list[float | None]]  # None: not a number
_Rgb = tuple[int, int, int]
_LOW, _MIDDLE, _HIGH = (247, 251, 255), (66, 146, 198), (8, 48, 107)  # pale to deep blue
_NEGATIVE, _ZERO, _POSITIVE = (178, 24, 43), (247, 247, 247), (33, 102, 172)  # red, white, blue


def heatmaps(picture: object) -> Markup:
    """A record `Picture` as SVG: yours beside expected, in one colour scale, with a ring around entries that differ.

    At most the first 12 rows and columns of each matrix are drawn. Empty for anything that is no such picture.
    """
    if not isinstance(picture, dict):
        return Markup("")
    yours, expected = _matrix(picture.get("yours")), _matrix(picture.get("expected"))
    if yours is None and expected is None:
        return Markup("")
    panels = [(label, values) for label, values in ((_("yours"), yours), (_("expected"), expected)) if values]
    finite = [v for _label, values in panels for row in values for v in row if v is not None and math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    diverging = low < -1e-12
    if diverging:
        high = max(-low, high)
        low = -high
    else:
        low = min(low, 0.0)
    pair = (yours, expected) if yours and expected and _shape(yours) == _shape(expected) else None
    noticeable = 0.03 * ((high - low) or 1.0)

    size = 22 if max(len(v) for _l, v in panels) <= 8 and max(len(v[0]) for _l, v in panels) <= 8 else 17
    left, top, gap = 22, 20, 26
    out, x, ringed = [], left, False
    for label, values in panels:
        rows, columns = _shape(values)
        out.append(_text(x + columns * size / 2, top - 7, label, bold=True))
        for i, row in enumerate(values):
            for j, value in enumerate(row):
                differs = False
                if pair:
                    differs = label == _("yours") and _differ(pair[0][i][j], pair[1][i][j], noticeable)
                ringed |= differs
                out.append(_square(x + j * size, top + i * size, size, value, low, high, diverging, i, j, differs))
        out.append(_text(x + columns * size / 2, top + rows * size + 15, line(picture.get("columns") or "", 24)))
        middle = top + rows * size / 2
        out.append(_text(x - 8, middle, line(picture.get("rows") or "", 16), turn=True))
        x += columns * size + gap
    width = x - gap + 6
    tallest = max(len(v) for _l, v in panels) * size
    height = top + tallest + 24
    out.append(_scale(width + 10, top, tallest, low, high, diverging))
    width += 70
    title = line(picture.get("title") or _("Values"), 80)
    described = _("{title}: yours beside expected").format(title=title)
    svg = Markup(
        '<svg role="img" aria-label="{label}" xmlns="http://www.w3.org/2000/svg" width="{w:.0f}" height="{h:.0f}" '
        'viewBox="0 0 {w:.0f} {h:.0f}" style="max-width:100%;height:auto;display:block" '
        'font-family="system-ui,sans-serif" font-size="11">{body}</svg>'
    ).format(label=described, w=width, h=height, body=Markup("").join(out))
    notes = [title + "."]
    if ringed:
        notes.append(_("Ringed entries differ; point at an entry to read its value."))
    else:
        notes.append(_("Point at an entry to read its value."))
    return Markup(
        '<figure style="margin:8px 0 4px;padding:0">{svg}<figcaption style="font-size:12px;opacity:.75;'
        'margin-top:2px">{notes}</figcaption></figure>'
    ).format(svg=svg, notes=" ".join(notes))


def histogram(shares: list[float], bins: int = 10) -> Markup:
    """A bar chart of hand-ins by their share of the points, each share from 0 to 1, in bins of equal width."""
    counts = [0] * bins
    for share in shares:
        counts[min(bins - 1, max(0, int(share * bins + 1e-9)))] += 1
    most, width, height, left, bottom = max([*counts, 1]), 46, 130, 8, 20
    out = []
    for i, count in enumerate(counts):
        tall = height * count / most
        x, y = left + i * width, 18 + height - tall
        span = f"{100 * i // bins}–{100 * (i + 1) // bins} %"
        out.append(
            Markup(
                '<g><title>{span}: {count}</title><rect x="{x}" y="{y:.1f}" width="{w}" height="{tall:.1f}" rx="3" '
                'fill="var(--ax-accent,#3b6fb6)"/></g>'
            ).format(span=span, count=count, x=x + 3, y=y, w=width - 6, tall=tall)
        )
        if count:
            out.append(_text(x + width / 2, y - 5, str(count)))
    for i in range(0, bins + 1, 2):
        out.append(_text(left + i * width, 18 + height + 15, f"{100 * i // bins}%"))
    total = left * 2 + bins * width
    out.append(
        Markup('<line x1="{a}" x2="{b}" y1="{y}" y2="{y}" stroke="currentColor" stroke-opacity=".35"/>').format(
            a=left, b=total - left, y=18 + height + 0.5
        )
    )
    return Markup(
        '<svg role="img" aria-label="{label}" xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" '
        'viewBox="-8 0 {vw} {h}" style="max-width:100%;height:auto" font-family="system-ui,sans-serif" '
        'font-size="12">{body}</svg>'
    ).format(
        label=_("Distribution of scores"),
        w=total + 24,
        vw=total + 24,  # 8 at the left, 16 at the right, where "100%" stands
        h=18 + height + bottom,
        body=Markup("").join(out),
    )


# -- pieces -----------------------------------------------------------------------------------------------------------


def _matrix(value: object) -> _Values | None:
    """The top left corner of a matrix of numbers; None for anything else. JSON's null stands for not a number."""
    if not isinstance(value, (list, tuple)) or not value:
        return None
    rows: _Values = []
    for row in value[:MOST]:
        if not isinstance(row, (list, tuple)) or not row:
            return None
        cells: list[float | None] = []
        for item in row[:MOST]:
            if isinstance(item, bool):
                item = float(item)
            cells.append(float(item) if isinstance(item, (int, float)) else None)
        rows.append(cells)
    return rows if len({len(row) for row in rows}) == 1 else None


def _shape(values: _Values) -> tuple[int, int]:
    return len(values), len(values[0])


def _differ(a: float | None, b: float | None, noticeable: float) -> bool:
    if a is None or b is None or not (math.isfinite(a) and math.isfinite(b)):
        return a != b
    return abs(a - b) > noticeable


def _mix(a: _Rgb, b: _Rgb, share: float) -> _Rgb:
    red, green, blue = (round(p + (q - p) * share) for p, q in zip(a, b, strict=True))
    return red, green, blue


def _colour(value: float, low: float, high: float, diverging: bool) -> str:
    share = min(1.0, max(0.0, (value - low) / ((high - low) or 1.0)))
    if diverging:
        rgb = _mix(_NEGATIVE, _ZERO, share * 2) if share < 0.5 else _mix(_ZERO, _POSITIVE, share * 2 - 1)
    else:
        rgb = _mix(_LOW, _MIDDLE, share * 2) if share < 0.5 else _mix(_MIDDLE, _HIGH, share * 2 - 1)
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _square(
    x: float,
    y: float,
    size: int,
    value: float | None,
    low: float,
    high: float,
    diverging: bool,
    i: int,
    j: int,
    differs: bool,
) -> Markup:
    shown = f"{value:.4g}" if value is not None else "nan"
    fill, mark = "#9a9a9a", Markup("")
    if value is not None and math.isfinite(value):
        fill = _colour(value, low, high, diverging)
    else:
        mark = Markup('<path d="M{a} {b}l{s} {s}m0 -{s}l-{s} {s}" stroke="#fff" stroke-width="1.5"/>').format(
            a=x + 6, b=y + 6, s=size - 12
        )
    if differs:
        mark += Markup(
            '<rect x="{x}" y="{y}" width="{s}" height="{s}" fill="none" stroke="#e07a00" stroke-width="2"/>'
        ).format(x=x + 1.5, y=y + 1.5, s=size - 3)
    return Markup(
        '<g><title>({i}, {j}): {shown}</title><rect x="{x}" y="{y}" width="{s}" height="{s}" fill="{fill}" '
        'stroke="#8888" stroke-width=".5"/>{mark}</g>'
    ).format(i=i, j=j, shown=shown, x=x, y=y, s=size, fill=fill, mark=mark)


def _scale(x: float, y: float, height: float, low: float, high: float, diverging: bool) -> Markup:
    steps = 24
    bars = [
        Markup('<rect x="{x}" y="{y:.2f}" width="9" height="{h:.2f}" fill="{fill}"/>').format(
            x=x,
            y=y + height * k / steps,
            h=height / steps + 0.3,
            fill=_colour(high - (high - low) * (k + 0.5) / steps, low, high, diverging),
        )
        for k in range(steps)
    ]
    for at, value in ((y + 9, high), (y + height, low)):
        bars.append(
            Markup('<text x="{x}" y="{y:.1f}" fill="currentColor">{v}</text>').format(x=x + 13, y=at, v=f"{value:.2g}")
        )
    return Markup("").join(bars)


def _text(x: float, y: float, words: str, bold: bool = False, turn: bool = False) -> Markup:
    return Markup(
        '<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="currentColor"{bold}{turn}>{words}</text>'
    ).format(
        x=x,
        y=y,
        bold=Markup(' font-weight="600"') if bold else "",
        turn=Markup(' transform="rotate(-90 {:.1f} {:.1f})"').format(x, y) if turn else "",
        words=escape(words),
    )
