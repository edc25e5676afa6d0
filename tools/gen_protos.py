#!/usr/bin/env python3
"""Generates C++ from protobuf descriptions, as a few large translation units.

Two uses, both called by CMake at configure time:

  gen_protos.py envoy --wheel FILE --need LIST --out DIR   the Envoy API, from the descriptors in a Python wheel
  gen_protos.py own   --root DIR --out DIR                 api/**/*.proto and plugins/*/*.proto of this repository

DIR/cpp holds the generated code, DIR/unity the translation units that include it; for `own`, DIR/descriptors holds the
descriptions of all files together with their comments, as C++. Files whose content did not change keep their time stamp,
so that nothing is rebuilt for nothing. Standard library only.
"""
import argparse
import ast
import fcntl
import filecmp
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

# What protoc's own include folder provides; never generated again.
WELL_KNOWN = ("any descriptor duration empty struct timestamp wrappers field_mask api type source_context").split()

# Headers that the generated .pb.cc files include after their own; a unity file includes them first, because the
# macros below must not reach them.
PROLOGUE = """#include <algorithm>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/generated_message_reflection.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/extension_set.h>
#include <google/protobuf/reflection_ops.h>
#include <google/protobuf/wire_format.h>
#include <google/protobuf/wire_format_lite.h>
"""


def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def wheel_to_descriptor_set(wheel, out):
    """Writes the FileDescriptorSet of every *_pb2.py in the wheel."""
    with zipfile.ZipFile(wheel) as z, open(out, "wb") as f:
        for name in sorted(n for n in z.namelist() if n.endswith("_pb2.py")):
            for node in ast.walk(ast.parse(z.read(name))):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "AddSerializedFile":
                    blob = node.args[0].value
                    f.write(b"\x0a" + varint(len(blob)) + blob)


def read_fields(blob):
    """Yields (number, value) of the length-delimited fields of one message."""
    i = 0

    def number():
        nonlocal i
        shift = value = 0
        while True:
            byte = blob[i]
            i += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while i < len(blob):
        tag = number()
        kind = tag & 7
        if kind == 2:
            size = number()
            yield tag >> 3, blob[i : i + size]
            i += size
        elif kind == 0:
            number()
        else:
            i += 8 if kind == 1 else 4


def closure(descriptor_set, wanted):
    """The wanted files and all that they import, less the well-known ones."""
    imports = {}
    for number, blob in read_fields(pathlib.Path(descriptor_set).read_bytes()):
        if number == 1:
            fields = list(read_fields(blob))
            name = next(v for n, v in fields if n == 1).decode()
            imports[name] = [v.decode() for n, v in fields if n == 3]
    todo, seen = list(wanted), set()
    while todo:
        name = todo.pop()
        if name in seen or name.startswith("google/protobuf/"):
            continue
        if name not in imports:
            sys.exit(f"gen_protos: {name} is not in the descriptor set")
        seen.add(name)
        todo += imports[name]
    return sorted(seen)


def run(*cmd, **kw):
    if subprocess.run(cmd, **kw).returncode:
        sys.exit("gen_protos: failed: " + " ".join(map(str, cmd[:3])) + " …")


def generate(protoc_args, files, services, out):
    out.mkdir(parents=True)
    # X.proto.h has the messages of X.proto and declares those of others, so that its readers parse no more than they
    # use; X.pb.h has all that it imports as well.
    run("protoc", *protoc_args, f"--cpp_out=proto_h:{out}", *files)
    if services:
        plugin = shutil.which("grpc_cpp_plugin")
        run("protoc", *protoc_args, f"--grpc_out={out}", f"--plugin=protoc-gen-grpc={plugin}", *services)
    # protoc 3.21 escapes neither packages that are a keyword (`static`) or a function of the C library (`pipe`), nor the
    # C++20 keyword `requires`.
    for path in [*out.glob("**/*.h"), *out.glob("**/*.pb.cc")]:
        text = path.read_text()
        if '"google/protobuf/' in text:
            # The library's own messages have no such header.
            text = re.sub(r'#include "google/protobuf/(\w+)\.proto\.h"', r"#include <google/protobuf/\1.pb.h>", text)
            path.write_text(text)
        if not re.search(r"namespace (static|pipe) {|(static|pipe)::options", text):
            continue
        text = re.sub(r"\b(static|pipe)::options", r"\1_::options", text)
        path.write_text(re.sub(r"(namespace (?:static|pipe))( {|\n)", r"\1_\2", text))
    for path in out.glob("**/jwt_authn/v3/config.p*"):
        lines = path.read_text().splitlines(True)
        path.write_text("".join(l if '"' in l else re.sub(r"\brequires\b", "requires_", l) for l in lines))


def unity(cpp, out, count):
    """Balances the .pb.cc files over `count` translation units. Each defines the same two file-level names."""
    out.mkdir(parents=True)
    sources = sorted(cpp.glob("**/*.pb.cc"), key=lambda p: (-p.stat().st_size, str(p)))
    bins = [[0, []] for _ in range(max(1, min(count, len(sources))))]
    for path in sources:
        smallest = min(bins, key=lambda b: b[0])
        smallest[0] += path.stat().st_size + 60000
        smallest[1].append(str(path.relative_to(cpp)))
    for n, (_, names) in enumerate(bins):
        names.sort()
        # All headers come first: each declares functions of messages that it names, and g++ 12 drops the definition of a
        # specialization that is declared again after it.
        includes = {line for name in names for line in re.findall(r'#include ".*\n', (cpp / name).read_text())}
        text = [*sorted(includes), PROLOGUE]
        for k, name in enumerate(names):
            text.append(f"#define schemas schemas_{k}\n#define file_default_instances file_default_instances_{k}\n")
            text.append(f'#include "{name}"\n#undef schemas\n#undef file_default_instances\n')
        (out / f"unity_{n:02}.cc").write_text("".join(text))


def commented_descriptors(protoc_args, files, out):
    """Writes the FileDescriptorSet of the files, with their comments, as a constant of C++."""
    out.mkdir(parents=True)
    binary = out / "own.fds"
    run("protoc", *protoc_args, "--include_imports", "--include_source_info", f"--descriptor_set_out={binary}", *files)
    blob = binary.read_bytes()
    binary.unlink()
    # Octal escapes have at most three digits, so nothing that follows can be taken for a part of them.
    lines = ['  "' + "".join(f"\\{b:03o}" for b in blob[i : i + 28]) + '"\n' for i in range(0, len(blob), 28)]
    (out / "descriptors.cc").write_text(
        "// Generated from the proto files. Do not edit.\n#include <string_view>\n\nnamespace k8sgw {\n"
        "extern const std::string_view kProtoFiles;\n"
        f"const std::string_view kProtoFiles(\n{''.join(lines)}  , {len(blob)});\n"
        "}  // namespace k8sgw\n"
    )


def sync(src, dst):
    """Makes dst equal to src; equal files keep their time stamps."""
    want = {p.relative_to(src) for p in src.glob("**/*") if p.is_file()}
    for path in [p for p in dst.glob("**/*") if p.is_file() and p.relative_to(dst) not in want]:
        path.unlink()
    for rel in want:
        target = dst / rel
        if not target.exists() or not filecmp.cmp(src / rel, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(src / rel, target)


def fingerprint(args):
    """Of everything that the output depends on."""
    if args.what == "envoy":
        inputs = [args.wheel, args.need]
    else:
        inputs = sorted(p for d in ("api", "plugins") for p in (args.root / d).glob("**/*.proto"))
    digest = hashlib.sha256(str(args.units).encode())
    for path in [__file__, *inputs]:
        digest.update(str(path).encode() + b"\0" + pathlib.Path(path).read_bytes())
    return digest.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["envoy", "own"])
    parser.add_argument("--wheel")
    parser.add_argument("--need")
    parser.add_argument("--root", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--units", type=int, default=16)
    args = parser.parse_args()

    args.out.mkdir(parents=True, exist_ok=True)
    # Several presets may be configured at once; they share the folder.
    lock = open(args.out / "lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    stamp = args.out / "inputs.sha256"
    inputs = fingerprint(args)
    if stamp.exists() and stamp.read_text() == inputs:
        return
    with tempfile.TemporaryDirectory(dir=args.out) as scratch:
        tmp = pathlib.Path(scratch)
        if args.what == "envoy":
            all_files = args.out / "envoy_api.fds"
            wheel_to_descriptor_set(args.wheel, all_files)
            wanted = [l.strip() for l in open(args.need) if l.strip() and not l.startswith("#")]
            files = closure(all_files, wanted)
            wkt = args.out / "well_known.fds"
            run("protoc", "-I/usr/include", f"--descriptor_set_out={wkt}",
                *[f"google/protobuf/{n}.proto" for n in WELL_KNOWN])
            sets = [f"--descriptor_set_in={wkt}:{all_files}"]
            services = [f for f in wanted if f.startswith("envoy/service/")]
            generate(sets, files, services, tmp / "out" / "cpp")
        else:
            root = args.root
            files = sorted(str(p.relative_to(root)) for d in ("api", "plugins") for p in (root / d).glob("**/*.proto"))
            services = [f for f in files if "\nservice " in (root / f).read_text()]
            where = [f"-I{root}", "-I/usr/include"]
            generate(where, files, services, tmp / "out" / "cpp")
            commented_descriptors(where, files, tmp / "out" / "descriptors")
        unity(tmp / "out" / "cpp", tmp / "out" / "unity", args.units)
        for part in sorted(p.name for p in (tmp / "out").iterdir()):
            sync(tmp / "out" / part, args.out / part)
    stamp.write_text(inputs)


if __name__ == "__main__":
    main()
