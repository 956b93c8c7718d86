package main

import (
	"crypto/sha256"
	"strconv"
	"syscall"
)

const (
	changed    = "changed while read"
	bufferSize = 256 * 1024
)

type reader struct {
	buffer []byte
	tick   func() error // called now and then while a large file is read
}

// hash is the SHA-256 of the regular file behind fd (O_PATH), or a note that says why there is
// none. The descriptor's number opens the very object that was looked at: no name is resolved
// again, so nothing can be put in its place.
func (r *reader) hash(fd int, seen look) ([]byte, string, error) {
	digest := sha256.New()
	if seen.size == 0 {
		return digest.Sum(nil), "", nil
	}
	const flags = syscall.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY
	path := "/proc/self/fd/" + strconv.Itoa(fd)
	file, err := open(atCwd, path, flags|syscall.O_NOATIME)
	if err == syscall.EPERM || err == syscall.EACCES {
		file, err = open(atCwd, path, flags)
	}
	if err != nil {
		return nil, "unreadable: " + code(err), ours(err)
	}
	defer syscall.Close(file)
	now, err := lookAt(file, false)
	if err != nil {
		return nil, "unreadable: " + code(err), ours(err)
	}
	if now.kind() != syscall.S_IFREG || now.inode != seen.inode ||
		now.devMajor != seen.devMajor || now.devMinor != seen.devMinor {
		return nil, changed, nil
	}
	// Never past the size that was seen: a file that grows as fast as it is read ends.
	for left := seen.size; left > 0; {
		part := r.buffer
		if left < uint64(len(part)) {
			part = part[:left]
		}
		n, err := read(file, part)
		if err != nil {
			return nil, "unreadable: " + code(err), ours(err)
		}
		if n == 0 {
			return nil, changed, nil
		}
		digest.Write(part[:n])
		left -= uint64(n)
		if err := r.tick(); err != nil {
			return nil, "", err
		}
	}
	after, err := lookAt(file, false)
	if err != nil {
		return nil, "unreadable: " + code(err), ours(err)
	}
	if after.size != seen.size || after.mtime != seen.mtime || after.ctime != seen.ctime {
		return nil, changed, nil
	}
	return digest.Sum(nil), "", nil
}
