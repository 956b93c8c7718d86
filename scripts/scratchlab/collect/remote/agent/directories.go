package main

import (
	"strings"
	"syscall"
	"unsafe"
)

const (
	keep  = 256 // open directories, as in scratchlab.collect.live.directories
	moved = "moved while read"
	none  = -1 // the descriptor of a directory that is not open
)

// directory is a directory that is being read.
type directory struct {
	name    string
	fd      int
	st      status
	listed  bool
	pending []string
	absent  map[string]bool // names that were listed and that nothing was found by
	note    string
}

// names calls each for every name in the directory, as long as it returns true.
func (d *directory) names(each func(name string, isDirectory bool) bool) error {
	const flags = syscall.O_RDONLY | syscall.O_DIRECTORY | syscall.O_NOFOLLOW
	listing, err := open(d.fd, ".", flags|syscall.O_NOATIME)
	if err == syscall.EPERM || err == syscall.EACCES {
		listing, err = open(d.fd, ".", flags)
	}
	if err != nil {
		return err
	}
	defer syscall.Close(listing)
	buffer := make([]byte, 1<<15)
	for {
		n, err := syscall.ReadDirent(listing, buffer)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return err
		}
		const size, kind, text, directory = 16, 18, 19, 4 // struct linux_dirent64, DT_DIR
		for rows := buffer[:n]; len(rows) > text; {
			length := int(*(*uint16)(unsafe.Pointer(&rows[size]))) // in this machine's byte order
			row := rows[:length]
			rows = rows[length:]
			name, _, _ := strings.Cut(string(row[text:]), "\x00")
			if name != "." && name != ".." && !each(name, row[kind] == directory) {
				return nil
			}
		}
	}
}

// lists is whether the directory still lists the absent names: those of
// scratchlab.collect.live.directories.
func (d *directory) lists() (bool, error) {
	left := len(d.absent)
	if left == 0 {
		return true, nil
	}
	err := d.names(func(name string, _ bool) bool {
		if d.absent[name] {
			delete(d.absent, name)
			left--
		}
		return left > 0
	})
	return err == nil && left == 0, fatal(err)
}

// directories are those between the root and where the walk is, the root first. A tree may be deeper
// than a process may have descriptors, so only the root and the deepest stay open. Another one is
// reached again from the root, one name at a time, never through a symlink or by "..", and every
// directory on the way must still be the same.
type directories []*directory

func (d directories) last() *directory { return d[len(d)-1] }

func (d *directories) push(next *directory) {
	*d = append(*d, next)
	if outer := len(*d) - 1 - keep; outer > 0 {
		(*d)[outer].close()
	}
}

func (d *directories) pop() {
	d.last().close()
	*d = (*d)[:len(*d)-1]
}

// reach opens the deepest directory again if it was closed. It returns the depth of the first
// directory that is not where it was, or the number of directories if all are.
func (d directories) reach() (int, error) {
	if d.last().fd != none {
		return len(d), nil
	}
	at, passing := d[0].fd, none
	for index, next := range d[1:] {
		depth := index + 1
		fd, err := open(at, next.name, oPath|syscall.O_DIRECTORY|syscall.O_NOFOLLOW)
		closeIf(passing)
		passing = none
		if err != nil {
			return depth, fatal(err)
		}
		st, err := statusOf(fd, false)
		if err != nil || st.identity() != next.st.identity() {
			syscall.Close(fd)
			return depth, fatal(err)
		}
		if depth >= len(d)-keep {
			next.fd = fd
		} else {
			passing = fd
		}
		at = fd
	}
	return len(d), nil
}

func (d *directory) close() {
	closeIf(d.fd)
	d.fd = none
}

func closeIf(fd int) {
	if fd != none {
		syscall.Close(fd)
	}
}
