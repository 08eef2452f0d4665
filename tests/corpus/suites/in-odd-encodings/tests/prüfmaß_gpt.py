"""Ein Prüfmaß: CRLF."""

from regeln_gpt import *
