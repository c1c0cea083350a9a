#!/usr/bin/env bash
# What runs before a change lands. Only this needs tapeless: pip install -e '.[dev]'
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
tapeless check
python -m pytest
