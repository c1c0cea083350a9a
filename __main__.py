"""`python -m tapeless`: the command line."""

import sys

from .runtime.commands import main

sys.exit(main())
