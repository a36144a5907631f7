#!/usr/bin/env bash
# Every check above can fail: each is shown a copy of the workspace with a mistake planted in it.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo xtask planted
