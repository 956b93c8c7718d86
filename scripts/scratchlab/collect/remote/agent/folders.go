package main

import "syscall"

const (
	keep  = 256 // as scratchlab.collect.live.directories has it
	moved = "moved while read"
	none  = -1
)

// directory is one that is being read.
type directory struct {
	name    string
	fd      int
	seen    look
	listed  bool
	pending []string
	note    string
}

// directories are those between the root and where the walk is, the root first. A tree may be deeper
// than a process may have descriptors: only the root and the deepest stay open. An outer one is
// reached again from the root, one name at a time, never through a link and never by "..", and
// every directory on the way must still be the same.
type directories []*directory

func (f directories) last() *directory { return f[len(f)-1] }

func (f *directories) push(one *directory) {
	*f = append(*f, one)
	if outer := len(*f) - 1 - keep; outer > 0 {
		(*f)[outer].close()
	}
}

func (f *directories) pop() {
	f.last().close()
	*f = (*f)[:len(*f)-1]
}

// reach opens the deepest directory again if it was closed. It gives the depth of the first one that
// is not where it was; with all of them in place, their number.
func (f directories) reach() (int, error) {
	if f.last().fd != none {
		return len(f), nil
	}
	at, passing := f[0].fd, none
	for index, one := range f[1:] {
		depth := index + 1
		fd, err := open(at, one.name, oPath|syscall.O_DIRECTORY|syscall.O_NOFOLLOW)
		closeIf(passing)
		passing = none
		if err != nil {
			return depth, ours(err)
		}
		seen, err := lookAt(fd, false)
		if err != nil || seen.identity() != one.seen.identity() {
			syscall.Close(fd)
			return depth, ours(err)
		}
		if depth >= len(f)-keep {
			one.fd = fd
		} else {
			passing = fd
		}
		at = fd
	}
	return len(f), nil
}

func (one *directory) close() {
	closeIf(one.fd)
	one.fd = none
}

func closeIf(fd int) {
	if fd != none {
		syscall.Close(fd)
	}
}
