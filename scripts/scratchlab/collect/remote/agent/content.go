package main

import (
	"crypto/sha256"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

const (
	changed    = "changed while read"
	bufferSize = 256 * 1024
	// As scratchlab.collect.live.xattrs has it.
	mostXattrBytes = 256 * 1024
)

type reader struct {
	buffer []byte
	tick   func() error // called repeatedly while a large file is read
}

// openContent opens the file behind fd (O_PATH) by the descriptor's number: no name is resolved
// again, so nothing can be put in its place.
func openContent(fd int) (int, error) {
	const flags = syscall.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY
	path := "/proc/self/fd/" + strconv.Itoa(fd)
	file, err := open(atCwd, path, flags|syscall.O_NOATIME)
	if err == syscall.EPERM || err == syscall.EACCES {
		return open(atCwd, path, flags)
	}
	return file, err
}

// hash is the SHA-256 of the regular file behind fd (O_PATH), or a note with the reason why there
// is none.
func (r *reader) hash(fd int, st status) ([]byte, string, error) {
	digest := sha256.New()
	if st.size == 0 {
		return digest.Sum(nil), "", nil
	}
	file, err := openContent(fd)
	if err != nil {
		return nil, "unreadable: " + errorName(err), fatal(err)
	}
	defer syscall.Close(file)
	now, err := statusOf(file, false)
	if err != nil {
		return nil, "unreadable: " + errorName(err), fatal(err)
	}
	if now.kind() != syscall.S_IFREG || now.inode != st.inode ||
		now.devMajor != st.devMajor || now.devMinor != st.devMinor {
		return nil, changed, nil
	}
	// Not past the known size: otherwise a file that grows as fast as it is read would never end.
	for left := st.size; left > 0; {
		part := r.buffer
		if left < uint64(len(part)) {
			part = part[:left]
		}
		n, err := read(file, part)
		if err != nil {
			return nil, "unreadable: " + errorName(err), fatal(err)
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
	after, err := statusOf(file, false)
	if err != nil {
		return nil, "unreadable: " + errorName(err), fatal(err)
	}
	if after.size != st.size || after.mtime != st.mtime || after.ctime != st.ctime {
		return nil, changed, nil
	}
	return digest.Sum(nil), "", nil
}

type xattr struct {
	name  string
	value []byte
}

// readXattrs returns the extended attributes of the object behind fd, and a note if some could not
// be read. /proc/self/fd/N leads to the object itself: no device is opened and no symlink followed.
func readXattrs(fd int) ([]xattr, string, error) {
	where := "/proc/self/fd/" + strconv.Itoa(fd)
	names, err := sized(func(buffer []byte) (int, error) { return syscall.Listxattr(where, buffer) })
	if err == syscall.ENOTSUP || err == syscall.ENOSYS {
		return nil, "", nil
	}
	if err != nil {
		return nil, "extended attributes unreadable: " + errorName(err), fatal(err)
	}
	listed := strings.Split(strings.TrimSuffix(string(names), "\x00"), "\x00")
	if listed[0] == "" {
		return nil, "", nil
	}
	sort.Strings(listed)
	var found []xattr
	note, left := "", mostXattrBytes
	for _, name := range listed {
		value, err := sized(func(buffer []byte) (int, error) {
			return syscall.Getxattr(where, name, buffer)
		})
		if err == syscall.ENODATA || err == syscall.ERANGE {
			note = changed // removed since it was listed
			continue
		}
		if err != nil {
			note = "extended attributes unreadable: " + errorName(err)
			continue
		}
		if left -= len(name) + len(value); left < 0 {
			why := "extended attributes not read: more than " + strconv.Itoa(mostXattrBytes) + " bytes"
			return found, why, nil
		}
		found = append(found, xattr{name, value})
	}
	return found, note, nil
}

// sized calls read with a small buffer, and again with the largest that Linux needs (64 KiB,
// XATTR_SIZE_MAX) if that was too small.
func sized(read func([]byte) (int, error)) ([]byte, error) {
	buffer := make([]byte, 256)
	n, err := read(buffer)
	if err == syscall.ERANGE {
		buffer = make([]byte, 1<<16)
		n, err = read(buffer)
	}
	if err != nil {
		return nil, err
	}
	return buffer[:n], nil
}
