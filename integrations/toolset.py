"""The toolset of one caller: catalogue + credential. `prepare` checks and builds a call, `call` sends it.

Next: `upstream/request.py` builds, `upstream/calls.py` sends.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from integrations.approval_text import ApprovalText
from integrations.catalogue import Catalogue
from integrations.openapi.validate import Validator
from integrations.ports import Caller
