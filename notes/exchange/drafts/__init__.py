"""Notes drafted from what other programs keep; what can't be known is a remark, never a guess."""
