#!/usr/bin/env bash
# Make sure there is a browser for the tests: the system's Chromium, else Playwright's own download, else apt when root.
set -euo pipefail
cd "$(dirname "$0")/.."

have_browser() { .venv/bin/python tools/find_browser.py >/dev/null 2>&1; }

have_browser && exit 0
echo "browser: no Chromium found; trying Playwright's download (about 170 MB)"
timeout 600 .venv/bin/python -m playwright install chromium >/dev/null 2>&1 || true
have_browser && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "browser: trying apt-get install chromium (about 100 MB)"
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >/dev/null 2>&1 || true
  have_browser && exit 0
fi
echo "browser: the browser tests need Chromium; on Debian: sudo apt-get install chromium, elsewhere: .venv/bin/playwright install --with-deps chromium" >&2
exit 1
