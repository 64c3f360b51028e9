# SPDX-License-Identifier: Apache-2.0
"""``python -m flightllm_hw.boards CARD`` writes a card's self-test."""

import sys

from .build import main

sys.exit(main())
