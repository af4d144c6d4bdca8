"""`python -m cryptwire` is `cryptwire`."""

import sys

from cryptwire.cli import main

sys.exit(main())
