package main

import (
	"io"
	"syscall"
)

// serveKernel answers requests for files that the kernel shows, by their paths in this container:
// below /proc and /sys, and below /proc/PID/root of a process of this PID namespace. Links are
// followed, so it must not be asked for a path of a root that others can change.
func serveKernel(input io.Reader, out *writer) error {
	return serve(input, out, func(letter byte, most uint64, path string) bool {
		if letter == 'L' {
			target, err := readlinkat(atCwd, path)
			if err == nil {
				out.record('P', []byte(target))
			}
			return err == nil
		}
		fd, err := open(atCwd, path, oPath)
		if err != nil {
			return false
		}
		defer syscall.Close(fd)
		switch letter {
		case 'N':
			return sendNames(out, fd, most)
		case 'C':
			return sendContent(out, fd, most, false)
		}
		return false
	})
}
