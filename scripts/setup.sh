#!/usr/bin/env bash
# Installs the Debian packages that building needs, where they are missing.
set -euo pipefail
packages=(cmake ninja-build ccache g++ pkg-config python3-venv python3-pip nlohmann-json3-dev libcli11-dev libfmt-dev
          protobuf-compiler libprotobuf-dev libssl-dev zlib1g-dev libgtest-dev libgmock-dev libbenchmark-dev)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "[setup] installing ${missing[*]}" >&2
sudo=""; [ "$(id -u)" -eq 0 ] || sudo=sudo
$sudo apt-get update -q
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends "${missing[@]}"
