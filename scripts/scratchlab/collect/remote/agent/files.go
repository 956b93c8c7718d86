package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"strings"
	"syscall"
)

const mostPath = 1 << 16 // bytes

// serve answers requests for files until standard input closes, which ends the program.
//
// A request is a letter, a number (8 bytes, little-endian), the length of a path (4 bytes) and the
// path. C asks for a file of at most so many bytes, H for the first so many of one, N for at most so
// many names of a directory, L for the target of a symbolic link (only of a path that the kernel
// shows, see kernel.go). The answer is records P with parts of it, then A (all of it) or B (there is
// none, or more). A name and its NUL are one part.
func serve(input io.Reader, out *writer, answer func(letter byte, most uint64, path string) bool) error {
	requests := bufio.NewReader(input)
	for {
		var head [13]byte
		if _, err := io.ReadFull(requests, head[:]); err != nil {
			return nil
		}
		most := binary.LittleEndian.Uint64(head[1:])
		size := binary.LittleEndian.Uint32(head[9:])
		if size > mostPath {
			return nil
		}
		path := make([]byte, size)
		if _, err := io.ReadFull(requests, path); err != nil {
			return nil
		}
		if answer(head[0], most, string(path)) {
			out.record('A')
		} else {
			out.record('B')
		}
		if err := out.flush(); err != nil {
			return err
		}
	}
}

// answer answers a request for a file of the root.
func (w *walk) answer(letter byte, most uint64, root int, path string) bool {
	fd := w.reachPath(root, path)
	if fd == none {
		return false
	}
	defer syscall.Close(fd)
	st, err := w.status(fd)
	if err != nil {
		return false
	}
	switch {
	case letter == 'N' && st.kind() == syscall.S_IFDIR:
		return sendNames(w.out, fd, most)
	case (letter == 'C' || letter == 'H') && st.kind() == syscall.S_IFREG && w.mayRead(st):
		return sendContent(w.out, fd, most, letter == 'H')
	}
	return false
}

// reachPath opens path by O_PATH, one name at a time, without following a link and without entering
// a closed filesystem.
func (w *walk) reachPath(root int, path string) int {
	fd, err := open(root, ".", oPath|syscall.O_NOFOLLOW|syscall.O_DIRECTORY)
	if err != nil {
		return none
	}
	for _, name := range strings.Split(path, "/") {
		if name == "" {
			continue
		}
		next, err := open(fd, name, oPath|syscall.O_NOFOLLOW)
		syscall.Close(fd)
		if err != nil {
			return none
		}
		fd = next
		st, err := w.status(fd)
		if closed, _ := w.closed(st); err != nil || closed {
			syscall.Close(fd)
			return none
		}
	}
	return fd
}

// sendContent sends a file up to most bytes; false if it is longer, unless head is set.
func sendContent(out *writer, fd int, most uint64, head bool) bool {
	file, err := openContent(fd)
	if err != nil {
		return false
	}
	defer syscall.Close(file)
	buffer := make([]byte, 1<<16)
	for left := most; ; {
		part := buffer
		if head && left < uint64(len(part)) {
			part = part[:left]
		}
		n, err := read(file, part)
		if err != nil || uint64(n) > left {
			return false
		}
		if n > 0 {
			out.record('P', part[:n])
		}
		left -= uint64(n)
		if n == 0 || (head && left == 0) {
			return true
		}
	}
}

// sendNames sends the names in a directory; false if there are more than most.
func sendNames(out *writer, fd int, most uint64) bool {
	listing, err := open(fd, ".", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW)
	if err != nil {
		return false
	}
	defer syscall.Close(listing)
	buffer := make([]byte, 1<<15)
	for left := most; ; {
		n, err := syscall.ReadDirent(listing, buffer)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return false
		}
		if n <= 0 {
			return true
		}
		_, _, names := syscall.ParseDirent(buffer[:n], -1, nil)
		for _, name := range names {
			if left == 0 {
				return false
			}
			left--
			out.record('P', []byte(name), []byte{0})
		}
	}
}
