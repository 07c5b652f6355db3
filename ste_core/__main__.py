import sys

from ste_core.cli import main

sys.exit(main())
