#!/usr/bin/env python3
"""Turns figures of k8sgw_bench into a part of docs/benchmarks.md and its chart.

report.py FIGURES.json DOCS-FOLDER [PART]: the part is "figures", with those of divided tables, which have a page of
their own, or "cluster" for those of a cluster, or "scale" for those of size, which stand in docs/scale.md.
report.py --kept FIGURES.json…: says which promises were not kept, and ends with 1 when there are any.
"""

import datetime
import html
import json
import os
import pathlib
import platform
import sys

import scale_report

WIDTH, ROW, LEFT, RIGHT = 760, 34, 250, 120


def cpu_name() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def label(figure: dict, parent: str) -> str:
    name = figure["name"].strip()
    return f"{parent}: {name}" if figure["name"].startswith(" ") else name


def chart(rows: list[dict]) -> str:
    """One bar per figure: its share of what is promised. A bar that ends left of the line keeps the promise."""
    scale = (WIDTH - LEFT - RIGHT) / 1.25
    height = ROW * len(rows) + 50
    line = LEFT + scale
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for i, row in enumerate(rows):
        y = 16 + i * ROW
        share = min(row["ours"] / row["bound"], 1.25) if row["bound"] else 0
        color = "#2a7f62" if row["kept"] else "#c0392b"
        text = html.escape(f'{row["label"]}, {row["size"]:,}')
        out.append(f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{text}</text>')
        out.append(f'<rect x="{LEFT}" y="{y}" width="{share * scale:.1f}" height="18" fill="{color}"/>')
        if row["floor"]:
            at = LEFT + min(row["floor"] / row["bound"], 1.25) * scale
            out.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y - 3}" y2="{y + 21}" stroke="#222" stroke-width="2"/>')
        out.append(f'<text x="{WIDTH - RIGHT + 6}" y="{y + 14}">{row["ours"]:.4g} {html.escape(row["unit"])}</text>')
    out.append(
        f'<line x1="{line:.1f}" x2="{line:.1f}" y1="6" y2="{height - 34}" stroke="#c0392b" stroke-dasharray="5 4"/>'
    )
    out.append(
        f'<text x="{LEFT}" y="{height - 12}" fill="#444">bar: K8sGateway · black mark: the floor · '
        "dashed: what is promised</text></svg>"
    )
    return "\n".join(out) + "\n"


def table(rows: list[dict]) -> str:
    out = [
        "| what | size | K8sGateway, median (p90) | floor, median (p90) | ratio | promised | kept |",
        "|---|---:|---:|---:|---:|---|---|",
    ]
    for row in rows:
        floor = f'{row["floor"]:.2f} ({row["floor_p90"]:.2f})' if row["floor"] else ""
        ratio = f'{row["ours"] / row["floor"]:.2f}' if row["floor"] else ""
        p90 = f' ({row["ours_p90"]:.2f})' if row["ours_p90"] else ""
        kept = "" if not row["bound"] else "yes" if row["kept"] else "**no**"
        out.append(
            f'| {row["label"]} | {row["size"]:,} | {row["ours"]:.2f}{p90} {row["unit"]} | {floor} | {ratio} '
            f'| {row["promise"]} | {kept} |'
        )
    return "\n".join(out)


# Divided route tables have their figures on their own page.
DIVIDED = "design/sharded-routes.md"
DIVIDED_CURVES = [
    ("divided", "edit, beside the whole table"),
    ("divided", "CPU of Envoy"),
    ("divided", "CPU of the control plane"),
]
CHARTS = {"figures": "benchmarks.svg", "cluster": "benchmarks-cluster.svg"}


def replace(page: pathlib.Path, part: str, text: str) -> None:
    begin, end = f"<!-- {part} -->\n", f"<!-- end of {part} -->"
    head, rest = page.read_text().split(begin)
    page.write_text(head + begin + text + end + rest.split(end)[1])


def labelled(figures: list[dict]) -> list[dict]:
    rows, parent = [], ""
    for figure in figures:
        if not figure["name"].startswith(" "):
            parent = figure["name"]
        rows.append({**figure, "label": label(figure, parent)})
    return rows


def say_broken(files: list[str]) -> int:
    rows = [row for file in files for row in labelled(json.loads(pathlib.Path(file).read_text()))]
    broken = [row for row in rows if not row["kept"]]
    for row in broken:
        print(f'not kept: {row["label"]}, {row["size"]:,}: {row["ours"]:.4g} {row["unit"]}; promised {row["promise"]}')
    print(f'{len(broken)} of {sum(bool(row["bound"]) for row in rows)} promises were not kept')
    return 1 if broken else 0


def main() -> None:
    if sys.argv[1] == "--kept":
        sys.exit(say_broken(sys.argv[2:]))
    figures = json.loads(pathlib.Path(sys.argv[1]).read_text())
    docs = pathlib.Path(sys.argv[2])
    part = sys.argv[3] if len(sys.argv) > 3 else "figures"
    where = f"{os.cpu_count()} cores of {cpu_name()}"
    measured = f"Measured on {datetime.date.today()} with {where}"
    if part == "scale":
        replace(docs / "scale.md", part, f"{measured}.\n\n{scale_report.text(figures)}\n")
        (docs / "scale.svg").write_text(scale_report.chart(figures, scale_report.PANELS))
        return
    rows = labelled(figures)
    measured += ", Envoy 1.40.0 with two workers.\n"
    divided = [row for row in rows if row["label"].startswith("divided")]
    others = [row for row in rows if row not in divided]
    if others:
        replace(docs / "benchmarks.md", part, f"{measured}\n{table(others)}\n")
        (docs / CHARTS[part]).write_text(chart([row for row in others if row["bound"]]))
    if divided:
        short = [{**row, "label": row["name"].removeprefix("divided: ").strip()} for row in divided]
        replace(docs / DIVIDED, part, f"{measured}\n{table(short)}\n")
        picture = scale_report.chart(divided, DIVIDED_CURVES, "the table as a whole")
        (docs / DIVIDED).with_suffix(".svg").write_text(picture)


if __name__ == "__main__":
    main()
