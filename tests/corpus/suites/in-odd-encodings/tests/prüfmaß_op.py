"""Ein Prüfmaß: BOM."""

from regeln_op import *
