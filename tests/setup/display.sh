#!/bin/sh
# A window needs a display: say so before anything is built, and what does without.
if [ -z "${DISPLAY:-}" ] && [ -z "${WAYLAND_DISPLAY:-}" ]; then
    echo "There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so the window can't open." >&2
    echo "make serve starts the same broker without a window." >&2
    exit 1
fi
