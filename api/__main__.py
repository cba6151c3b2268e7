"""`python -m api`: one gateway, configured by the environment."""

import sys

from api.main import main

sys.exit(main())
