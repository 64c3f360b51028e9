# SPDX-License-Identifier: Apache-2.0
"""What programs are made of."""
