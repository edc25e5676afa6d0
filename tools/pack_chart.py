#!/usr/bin/env python3
"""Packs the chart as helm does, and writes it as a C++ source: equal files give equal bytes."""

import argparse
import gzip
import io
import pathlib
import tarfile

_LINE = 24
_HEAD = """// Generated from chart/. Do not edit.
#include "src/cli/install/chart_archive.h"

namespace k8sgw::cli {
namespace {
constexpr unsigned char kBytes[] = {
"""
_TAIL = """};
}  // namespace

std::string_view ChartArchive() { return {reinterpret_cast<const char*>(kBytes), sizeof(kBytes)}; }
}  // namespace k8sgw::cli
"""


def pack(folder: pathlib.Path, name: str) -> bytes:
    """A .tgz of all files; who made them, and when, is not in it."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            content = path.read_bytes()
            entry = tarfile.TarInfo(f"{name}/{path.relative_to(folder)}")
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(tar.getvalue(), compresslevel=9, mtime=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chart", type=pathlib.Path, required=True)
    parser.add_argument("--name", default="k8sgateway")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    data = pack(arguments.chart, arguments.name)
    rows = (data[i : i + _LINE] for i in range(0, len(data), _LINE))
    text = _HEAD + "".join("".join(f"{byte}," for byte in row) + "\n" for row in rows) + _TAIL
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text)


if __name__ == "__main__":
    main()
