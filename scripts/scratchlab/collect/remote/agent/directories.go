package main

import "syscall"

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
	note    string
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
