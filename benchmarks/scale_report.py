"""Tables, fits and the picture of docs/scale.md."""

import html
import math

PANEL, GAP, TOP = 230, 80, 70
COLUMNS = 3
# What has a panel, and what has a line a + b·n: group, metric.
PANELS = [
    ("VirtualServices", "change to push"),
    ("VirtualServices", "CPU of the server"),
    ("VirtualServices", "memory"),
    ("VirtualServices", "first response"),
    ("routes of one VirtualService", "CPU of the server"),
    ("endpoints of one Service", "CPU of the server"),
]
FITTED = [
    ("VirtualServices", "change to push"),
    ("VirtualServices", "CPU of the server"),
    ("VirtualServices", "bytes of the push"),
    ("VirtualServices", "memory"),
    ("VirtualServices", "first response"),
    ("VirtualServices", "start, beside reading the files"),
    ("routes of one VirtualService", "CPU of the server"),
    ("Gateways with 1,000 VirtualServices", "CPU of the server"),
    ("endpoints of one Service", "CPU of the server"),
]
OURS, FLOOR = "#2a7f62", "#222"


def grouped(figures: list[dict]) -> dict[str, dict[str, list[dict]]]:
    """By group and metric, in the order in which they came: "group: metric", and then "  metric" of the same group."""
    groups: dict[str, dict[str, list[dict]]] = {}
    group = ""
    for figure in figures:
        name = figure["name"]
        if not name.startswith(" "):
            group, _, name = name.partition(": ")
        groups.setdefault(group, {}).setdefault(name.strip() or group, []).append(figure)
    return groups


def short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def cell(figure: dict) -> str:
    text = short(figure["ours"])
    return f"{text} ({short(figure['floor'])})" if figure["floor"] else text


def table(name: str, metrics: dict[str, list[dict]]) -> str:
    sizes = sorted({figure["size"] for rows in metrics.values() for figure in rows})
    heads = [f"{metric}, {rows[0]['unit']}" for metric, rows in metrics.items()]
    out = [f"| {name} | " + " | ".join(heads) + " |", "|---:|" + "---:|" * len(heads)]
    for size in sizes:
        cells = []
        for rows in metrics.values():
            cells.append(next((cell(f) for f in rows if f["size"] == size), ""))
        out.append(f"| {size:,} | " + " | ".join(cells) + " |")
    return "\n".join(out)


def fit(rows: list[dict], side: str) -> tuple[float, float, float]:
    """a and b of a + b·n with the least sum of squared relative residuals, and the largest of these."""
    points = [(f["size"], f[side]) for f in rows]
    weights = [1 / (y * y) for _, y in points]
    sw = sum(weights)
    sx = sum(w * x for w, (x, _) in zip(weights, points))
    sy = sum(w * y for w, (_, y) in zip(weights, points))
    sxx = sum(w * x * x for w, (x, _) in zip(weights, points))
    sxy = sum(w * x * y for w, (x, y) in zip(weights, points))
    b = (sw * sxy - sx * sy) / (sw * sxx - sx * sx)
    a = (sy - b * sx) / sw
    return a, b, max(abs(a + b * x - y) / y for x, y in points)


def fits(groups: dict[str, dict[str, list[dict]]]) -> str:
    out = ["| n | cost | a | b, for each 1,000 | largest residual | b of the floor |", "|---|---|---:|---:|---:|---:|"]
    for group, metric in FITTED:
        rows = groups.get(group, {}).get(metric, [])
        if len(rows) < 3:
            continue
        a, b, residual = fit(rows, "ours")
        unit = rows[0]["unit"]
        floor = f"{fit(rows, 'floor')[1] * 1000:.2g} {unit}" if all(f["floor"] for f in rows) else ""
        out.append(f"| {group} | {metric} | {a:.3g} {unit} | {b * 1000:.3g} {unit} | {residual:.0%} | {floor} |")
    return "\n".join(out)


def panel(left: float, top: float, group: str, metric: str, rows: list[dict]) -> list[str]:
    """One curve on logarithmic axes, and that of the floor."""
    sizes = [f["size"] for f in rows]
    values = [f[side] for f in rows for side in ("ours", "floor") if f[side] > 0]
    low_x, high_x = math.log10(min(sizes)), math.log10(max(sizes))
    low_y, high_y = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def x_of(size: float) -> float:
        return left + PANEL * (math.log10(size) - low_x) / (high_x - low_x or 1)

    def y_of(value: float) -> float:
        return top + PANEL * (1 - (math.log10(value) - low_y) / (high_y - low_y or 1))

    out = [
        f'<text x="{left}" y="{top - 24}" font-weight="bold">{html.escape(group)}</text>',
        f'<text x="{left}" y="{top - 9}">{html.escape(metric)}, {rows[0]["unit"]}</text>',
        f'<rect x="{left}" y="{top}" width="{PANEL}" height="{PANEL}" fill="none" stroke="#bbb"/>',
    ]
    for power in range(low_y, high_y + 1):
        y = y_of(10**power)
        out.append(f'<line x1="{left}" x2="{left + PANEL}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e5e5"/>')
        out.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#444">{10.0**power:g}</text>')
    for size in sizes:
        label = f"{size // 1000}k" if size >= 1000 else str(size)
        out.append(
            f'<text x="{x_of(size):.1f}" y="{top + PANEL + 16}" text-anchor="middle" fill="#444">{label}</text>'
        )
    for side, color in (("floor", FLOOR), ("ours", OURS)):
        points = [(x_of(f["size"]), y_of(f[side])) for f in rows if f[side] > 0]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points]
    return out


def chart(figures: list[dict], shown: list[tuple[str, str]], floor: str = "the floor") -> str:
    """A panel for each group and metric that is to be shown and has a curve."""
    groups = grouped(figures)
    panels = [(g, m, groups[g][m]) for g, m in shown if len(groups.get(g, {}).get(m, [])) > 1]
    lines = -(-len(panels) // COLUMNS)
    width, height = min(COLUMNS, len(panels)) * (PANEL + GAP) + 20, lines * (PANEL + GAP + 20) + TOP
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{GAP - 10}" y="18" font-size="13" fill="#444">green: K8sGateway · black: '
        f"{floor} · both axes logarithmic</text>",
    ]
    for i, (group, metric, rows) in enumerate(panels):
        left = GAP - 10 + i % COLUMNS * (PANEL + GAP)
        top = TOP + i // COLUMNS * (PANEL + GAP + 20)
        out += panel(left, top, group, metric, rows)
    return "\n".join(out) + "\n</svg>\n"


def text(figures: list[dict]) -> str:
    groups = grouped(figures)
    parts = [table(name, metrics) for name, metrics in groups.items()]
    return "\n\n".join(parts) + "\n\n" + fits(groups)
