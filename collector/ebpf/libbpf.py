"""What a stream takes of libbpf 1, by ctypes. `ss` is linked with it, so it's on most machines."""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache

NAME = "libbpf.so.1"
Sample = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)

_pointer, _int, _size, _text = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p
_SIGNATURES = {
    "bpf_link__destroy": (_int, _pointer),
    "bpf_map_lookup_elem": (_int, _int, _text, _text),
    "bpf_map_update_elem": (_int, _int, _text, _text, ctypes.c_uint64),
    "bpf_object__close": (None, _pointer),
    "bpf_object__find_map_fd_by_name": (_int, _pointer, _text),
    "bpf_object__find_program_by_name": (_pointer, _pointer, _text),
    "bpf_object__load": (_int, _pointer),
    "bpf_object__open_mem": (_pointer, _text, _size, _pointer),
    "bpf_program__attach_cgroup": (_pointer, _pointer, _int),
    "libbpf_set_print": (_pointer, _pointer),
    "ring_buffer__consume": (_int, _pointer),
    "ring_buffer__epoll_fd": (_int, _pointer),
    "ring_buffer__free": (None, _pointer),
    "ring_buffer__new": (_pointer, _int, Sample, _pointer, _pointer),
}


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """Return the library. Raises OSError where it is not installed."""
    found = ctypes.CDLL(NAME, use_errno=True)
    for name, (result, *arguments) in _SIGNATURES.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    found.libbpf_set_print(None)  # our own words are plainer
    return found


def pointer(found: int | None) -> int:
    """Return a pointer that a function gave. Raises the OSError for which it gave none."""
    if not found:
        raise _error(ctypes.get_errno())
    return found


def number(given: int) -> int:
    """Return a number that a function gave. Raises the OSError that it tells by a negative one."""
    if given < 0:
        raise _error(-given)
    return given


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
